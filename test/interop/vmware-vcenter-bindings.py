"""Prints as JSON every operation of VMware's trusted-infrastructure bindings, in kpsim's notation of types."""

import importlib
import inspect
import json
import pkgutil
import re

import com.vmware.vcenter.trusted_infrastructure as package
from vmware.vapi.bindings import type as types
from vmware.vapi.bindings import stub

captured = {}


def capture(self, iface_name=None, operations=None, rest_metadata=None, **_):
    captured.update(service=iface_name, operations=operations, rest=rest_metadata)


stub.ApiInterfaceStub.__init__ = capture
SCALARS = {
    'IdType': 'string', 'StringType': 'string', 'IntegerType': 'integer', 'BooleanType': 'boolean',
    'BlobType': 'blob', 'SecretType': 'secret', 'VoidType': 'void', 'DateTimeType': 'dateTime',
}  # fmt: skip


def expression(kind):
    if isinstance(kind, types.OptionalType):
        return expression(kind.element_type) + '?'
    if isinstance(kind, (types.ListType, types.SetType)):
        return expression(kind.element_type) + '[]'
    if isinstance(kind, types.MapType):
        return '{%s: %s}' % (expression(kind.key_type), expression(kind.value_type))
    if isinstance(kind, types.ReferenceType):
        return expression(kind.resolved_type)
    if isinstance(kind, types.EnumType):
        words = (word for word in vars(kind.binding_class) if word.isupper() and not word.startswith('_'))
        return '|'.join(sorted(words))
    if isinstance(kind, types.StructType):
        names = sorted(kind.get_field_names())
        if kind.name == 'com.vmware.vapi.std.localizable_message':
            names = ['args', 'default_message', 'id']  # its newer members are optional
        members = ', '.join('%s: %s' % (name, expression(kind.get_field(name))) for name in names)
        return '%s{%s}' % (kind.name, members)
    return SCALARS[type(kind).__name__]


def task_result(module, service, operation):
    """The type of a task's result, which stands in the source of the method that starts the task only."""
    [kind] = [one for one in vars(module).values() if getattr(one, '_VAPI_SERVICE_ID', None) == service]
    source = inspect.getsource(getattr(kind, operation.replace('$', '_')))
    told = re.search(r'Task\(task_id, task_svc, (.*)\)$', source, re.MULTILINE).group(1)
    return eval(told, {**vars(module), 'type': types})


def modules(parent):
    for found in pkgutil.iter_modules(parent.__path__, parent.__name__ + '.'):
        module = importlib.import_module(found.name)
        if found.ispkg:
            yield from modules(module)
        else:
            yield module


rows = {}
for module in [importlib.import_module(package.__name__ + '_client'), *modules(package)]:
    for name, kind in vars(module).items():
        if not (inspect.isclass(kind) and name.startswith('_') and name.endswith('Stub') and kind.__module__ == module.__name__):
            continue
        kind(None)
        for operation, told in captured['operations'].items():
            rest = captured['rest'][operation.split('$')[0]]
            rows['%s.%s' % (captured['service'], operation)] = {
                'method': rest._http_method if hasattr(rest, '_http_method') else rest.http_method,
                'path': '/api' + rest._url_template,
                'action': (rest._dispatch_parameters or {}).get('action'),
                'body': rest.request_body_parameter,
                'input': expression(told['input_type']),
                'output': expression(
                    task_result(module, captured['service'], operation)
                    if operation.endswith('$task')
                    else told['output_type']
                ),
            }
print(json.dumps(rows))
