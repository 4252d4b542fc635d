//! Request signatures, pure: canonical requests, SigV4 signing and verification, streaming chunk signatures.
