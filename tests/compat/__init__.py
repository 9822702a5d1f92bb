"""The pieces that users of the original services have in place, against ours, unchanged.

Requests, calls and frames are put together from what the contract says of those pieces; what a
single route answers is tested in tests/contract.
"""
