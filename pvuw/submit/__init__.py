"""Submissions to evaluation servers: checked, packed the same way every time, and accounted for."""
