"""Office hours, public holidays and closures of organisations: is it office time, and when does that change."""
