"""Every table, gathered: importing this module fills SQLModel's metadata. For migrations and their check."""

from sqlmodel import SQLModel

import nrm.access.models
import nrm.calendar.models
import nrm.course.models
import nrm.escalation.models
import nrm.exercise.models
import nrm.handover.models
import nrm.idempotency
import nrm.insight.models
import nrm.intake.models
import nrm.journal
import nrm.notify.models
import nrm.placing.models
import nrm.policy
import nrm.registry.models
import nrm.reporting.models
import nrm.roster.models
import nrm.rulebook.models
import nrm.youth.models  # noqa: F401 - imported for what it registers

metadata = SQLModel.metadata
