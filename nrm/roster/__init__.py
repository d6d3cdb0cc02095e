"""Who should be on duty when, per region and nationally: shifts, rotation, deputies, swaps, gaps, and agendas."""
