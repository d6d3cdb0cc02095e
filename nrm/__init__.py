"""The national referral mechanism: registry, intake, placing and escalation for shelter places."""
