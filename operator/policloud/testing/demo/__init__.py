"""`policloud local demo`: a federation of real API servers, six scenes, each expectation checked."""
