"""Sending a request again changes nothing: the first reply is kept, and repeated."""
