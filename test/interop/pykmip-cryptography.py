"""Has a key server encrypt, sign and make MACs with PyKMIP's client, and judges the results itself.

Arguments and output: see pykmip_session; `right` says whether Python's own cryptography agrees.
"""

import base64
import hashlib
import hmac

from cryptography.hazmat.backends import default_backend
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from kmip.core import enums
from kmip.pie import objects

from pykmip_session import perform, report

KEY = bytes(range(32))
IV = bytes(range(100, 116))
MESSAGE = b"sixteen bytes...and a few more"
USAGES = enums.CryptographicUsageMask


def judge(step, right):
    report(step, right=bool(right))


def symmetric(connection, version):
    uid = connection.register(
        objects.SymmetricKey(
            enums.CryptographicAlgorithm.AES, 256, KEY,
            masks=[USAGES.ENCRYPT, USAGES.DECRYPT, USAGES.MAC_GENERATE],
            name="cipher of pykmip " + version,
        )
    )
    connection.activate(uid)
    cbc = {
        "cryptographic_algorithm": enums.CryptographicAlgorithm.AES,
        "block_cipher_mode": enums.BlockCipherMode.CBC,
        "padding_method": enums.PaddingMethod.PKCS5,
    }
    sealed, _ = connection.encrypt(MESSAGE, uid=uid, cryptographic_parameters=cbc, iv_counter_nonce=IV)
    decryptor = Cipher(algorithms.AES(KEY), modes.CBC(IV), default_backend()).decryptor()
    padded = decryptor.update(sealed) + decryptor.finalize()
    judge("encrypt", padded == MESSAGE + b"\x02\x02")
    opened = connection.decrypt(sealed, uid=uid, cryptographic_parameters=cbc, iv_counter_nonce=IV)
    judge("decrypt", opened == MESSAGE)

    sealed, nonce = connection.encrypt(MESSAGE, uid=uid, cryptographic_parameters=dict(cbc, random_iv=True))
    opened = connection.decrypt(sealed, uid=uid, cryptographic_parameters=cbc, iv_counter_nonce=nonce)
    judge("random IV", len(nonce) == 16 and opened == MESSAGE)

    _, code = connection.mac(MESSAGE, uid, enums.CryptographicAlgorithm.HMAC_SHA512)
    judge("mac", code == hmac.new(KEY, MESSAGE, hashlib.sha512).digest())


def asymmetric(connection, version):
    public, private = connection.create_key_pair(
        enums.CryptographicAlgorithm.RSA, 2048,
        public_usage_mask=[USAGES.VERIFY], private_usage_mask=[USAGES.SIGN],
        public_name="public key of pykmip " + version, private_name="private key of pykmip " + version,
    )
    connection.activate(public)
    connection.activate(private)
    parameters = {
        "padding_method": enums.PaddingMethod.PSS,
        "cryptographic_algorithm": enums.CryptographicAlgorithm.RSA,
        "hashing_algorithm": enums.HashingAlgorithm.SHA_256,
    }
    signature = connection.sign(MESSAGE, uid=private, cryptographic_parameters=parameters)
    half = connection.get(public)
    pem = b"RSA PUBLIC KEY" if half.key_format_type == enums.KeyFormatType.PKCS_1 else b"PUBLIC KEY"
    armoured = b"-----BEGIN " + pem + b"-----\n" + base64.encodebytes(half.value) + b"-----END " + pem + b"-----\n"
    key = serialization.load_pem_public_key(armoured, default_backend())
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
    key.verify(signature, MESSAGE, pss, hashes.SHA256())
    judge("sign", True)
    for step, message, expected in (
        ("verify", MESSAGE, enums.ValidityIndicator.VALID),
        ("verify another message", MESSAGE[1:], enums.ValidityIndicator.INVALID),
    ):
        verdict = connection.signature_verify(message, signature, uid=public, cryptographic_parameters=parameters)
        judge(step, verdict == expected)


def both(connection, version):
    symmetric(connection, version)
    asymmetric(connection, version)


perform(both)
