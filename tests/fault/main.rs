//! Faults, and the checkers that judge them.
