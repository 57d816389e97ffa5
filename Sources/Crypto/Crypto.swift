// Crypto: in the making.
