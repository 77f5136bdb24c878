"""Walks a key through its life on a key server with PyKMIP's client; arguments and output: see pykmip_session."""

from kmip.core import enums
from kmip.core.factories import attributes as attribute_factory
from kmip.pie import exceptions, objects

from pykmip_session import perform, report

KEY = bytes(range(32))


def refused(work):
    try:
        work()
    except exceptions.KmipOperationFailure as failure:
        return failure.reason.name
    return None


def state_of(connection, uid):
    _, attributes = connection.get_attributes(uid, ["State"])
    return attributes[0].attribute_value.value.name


def walk(connection, version):
    name = "pykmip " + version
    uid = connection.create(
        enums.CryptographicAlgorithm.AES,
        256,
        name=name,
        cryptographic_usage_mask=[
            enums.CryptographicUsageMask.ENCRYPT,
            enums.CryptographicUsageMask.DECRYPT,
        ],
    )
    report("create", uid=uid)

    key = connection.get(uid)
    report("get", type=type(key).__name__, length=key.cryptographic_length, bytes=len(key.value),
           algorithm=key.cryptographic_algorithm.name)

    report("attribute list", names=connection.get_attribute_list(uid))
    report("state before", state=state_of(connection, uid))

    factory = attribute_factory.AttributeFactory()
    wanted = factory.create_attribute(enums.AttributeType.NAME, name)
    report("locate", uids=connection.locate(attributes=[wanted]))

    connection.activate(uid)
    report("state active", state=state_of(connection, uid))
    report("destroy while active", reason=refused(lambda: connection.destroy(uid)))
    connection.revoke(enums.RevocationReasonCode.CESSATION_OF_OPERATION, uid)
    report("state revoked", state=state_of(connection, uid))
    connection.destroy(uid)
    report("get destroyed", reason=refused(lambda: connection.get(uid)))

    registered = connection.register(
        objects.SymmetricKey(
            enums.CryptographicAlgorithm.AES,
            256,
            KEY,
            masks=[enums.CryptographicUsageMask.ENCRYPT],
            name="registered by pykmip " + version,
        )
    )
    report("registered", same=connection.get(registered).value == KEY)
    secret = connection.register(
        objects.SecretData(b"pa55word", enums.SecretDataType.PASSWORD,
                           masks=[enums.CryptographicUsageMask.VERIFY],
                           name="secret of pykmip " + version)
    )
    report("secret", same=connection.get(secret).value == b"pa55word")
    report("get unknown", reason=refused(lambda: connection.get("no such object")))


perform(walk)
