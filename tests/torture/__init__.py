"""The long forms of the fault tests, in files named `torture_*.py`: `make torture`. Not part of `make test`."""
