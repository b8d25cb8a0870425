"""The mock interview: problems, the policy that runs it, reading the candidate, and the debrief.

Does not know how it is shown, or which model words a move.
"""
