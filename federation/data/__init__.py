"""Word lists of BIP 39 for fingerprints, from the `mnemonic` package 0.21 (MIT; `bip39-LICENSE.txt`)."""
