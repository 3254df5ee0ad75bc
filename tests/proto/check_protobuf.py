#!/usr/bin/env python3
"""Checks the schemas in proto/ and the structs made from them against protobuf itself.

    check_protobuf.py CHECK --rewrite PROGRAM --source FOLDER --protoc PROGRAM

schemas              protoc accepts the schemas
same_as_coremltools  names, numbers, types and oneofs are those of coremltools' messages
round_trips          random models with every field that there is: made by protobuf, read and
                     written by the structs, equal for protobuf
shared_models        the same with the real models in ../shared (or POME_SHARED)

Exit status 77 says that something which the check needs is not there.
"""
import argparse
import logging
import math
import os
import pathlib
import random
import subprocess
import sys
import tempfile

SKIP = 77


def skip(reason):
    print(f'skipped: {reason}')
    sys.exit(SKIP)


def import_protobuf():
    """coremltools' messages: from this Python, or from the one that POME_PYTHON names."""
    logging.disable(logging.CRITICAL)  # it complains of parts that only macOS has
    try:
        from coremltools.proto import Model_pb2
        return Model_pb2
    except ImportError:
        other = os.environ.get('POME_PYTHON')
        if other and os.path.exists(other) and not os.environ.get('POME_PYTHON_TRIED'):
            os.environ['POME_PYTHON_TRIED'] = '1'
            os.execv(other, [other] + sys.argv)
        skip('no Python with coremltools was found (POME_PYTHON may name one)')


# --- schemas ---


def compiled(args):
    if not args.protoc or args.protoc.endswith('-NOTFOUND'):
        skip('protoc is not installed')
    folder = args.source / 'proto'
    with tempfile.TemporaryDirectory() as temporary:
        out = pathlib.Path(temporary) / 'schemas.pb'
        subprocess.run([args.protoc, '--fatal_warnings', f'--proto_path={folder}', f'--descriptor_set_out={out}']
                       + sorted(path.name for path in folder.glob('*.proto')), check=True)
        return out.read_bytes()


def check_schemas(args):
    assert len(compiled(args)) > 10000


def facts(files):
    """Everything about messages and enums that decides what they look like on the wire."""
    found = {}

    def message(one, outer):
        path = f'{outer}.{one.name}'
        found[path] = ('message', one.options.map_entry)
        for field in one.field:
            oneof = one.oneof_decl[field.oneof_index].name if field.HasField('oneof_index') else ''
            # proto3 packs numbers unless it is told not to.
            packed = field.options.packed or not field.options.HasField('packed')
            found[path, field.name] = (field.number, field.type, field.label, field.type_name,
                                       oneof, field.proto3_optional, packed)
        for nested in one.nested_type:
            message(nested, path)
        for nested in one.enum_type:
            enum(nested, path)

    def enum(one, outer):
        for value in one.value:
            found[f'{outer}.{one.name}', value.name] = ('value', value.number)

    for file in files:
        for one in file.message_type:
            message(one, '.' + file.package)
        for one in file.enum_type:
            enum(one, '.' + file.package)
    return found


def check_same_as_coremltools(args):
    import_protobuf()
    import importlib
    import pkgutil

    import coremltools.proto
    from google.protobuf import descriptor_pb2

    ours = descriptor_pb2.FileDescriptorSet()
    ours.ParseFromString(compiled(args))
    theirs = []
    for module in pkgutil.iter_modules(coremltools.proto.__path__):
        if module.name == 'NamedParameters_pb2':  # a remnant: nothing refers to it, it cannot load
            continue
        pb2 = importlib.import_module(f'coremltools.proto.{module.name}')
        theirs.append(descriptor_pb2.FileDescriptorProto())
        pb2.DESCRIPTOR.CopyToProto(theirs[-1])
    ours, theirs = facts(ours.file), facts(theirs)
    for key in sorted(set(ours) | set(theirs), key=str):
        if ours.get(key) != theirs.get(key):
            sys.exit(f'{key}: ours {ours.get(key)}, coremltools {theirs.get(key)}')
    print(f'{len(ours)} facts agree')


# --- messages ---


class Maker:
    """Makes random messages, always choosing what it has chosen least, until all was there."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.uses = {}  # field -> times it was set

    def know(self, descriptor):
        for field in descriptor.fields:
            if field.full_name not in self.uses:
                self.uses[field.full_name] = 0
                if field.message_type:
                    self.know(field.message_type)

    def complete(self):
        return all(self.uses.values())

    def fill(self, message, depth=0):
        message.SetInParent()
        descriptor = message.DESCRIPTOR
        for field in descriptor.fields:
            oneof = field.containing_oneof
            if oneof:
                if field is not min(oneof.fields, key=self.rank):
                    continue
            # Deep down only what was never set goes on: recursive messages end.
            limit = 7 if field.message_type else 99
            if depth > limit and self.uses[field.full_name] or depth > 14:
                continue
            if self.random.random() < 0.15 and self.uses[field.full_name]:
                continue
            self.set(message, field, depth)

    def rank(self, field):
        return self.uses[field.full_name], field.number

    def set(self, message, field, depth):
        self.uses[field.full_name] += 1
        entry = field.message_type if field.message_type and (
            field.message_type.GetOptions().map_entry) else None
        count = self.random.choice((1, 1, 2, 3)) if depth < 6 else 1
        if entry:
            for inner in entry.fields:
                self.uses[inner.full_name] += 1
            key, value = entry.fields_by_name['key'], entry.fields_by_name['value']
            target = getattr(message, field.name)
            for _ in range(count):
                if value.message_type:
                    self.fill(target[self.scalar(key)], depth + 2)
                else:
                    target[self.scalar(key)] = self.scalar(value)
        elif field.message_type and field.is_repeated:
            for _ in range(count):
                self.fill(getattr(message, field.name).add(), depth + 1)
        elif field.message_type:
            self.fill(getattr(message, field.name), depth + 1)
        elif field.is_repeated:
            getattr(message, field.name).extend(
                self.scalar(field) for _ in range(self.random.choice((1, 2, 5, 40))))
        else:
            setattr(message, field.name, self.scalar(field))

    def scalar(self, field):
        kind, pick = field.cpp_type, self.random.choice
        if kind == field.CPPTYPE_ENUM:
            return pick([value.number for value in field.enum_type.values] + [77, -3])
        if kind == field.CPPTYPE_BOOL:
            return pick((True, False))
        if kind in (field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE):
            return pick((0.0, -0.0, 1.5, -2.25, math.inf, -math.inf, math.nan, 2.0**-149, 3e38))
        if field.type == field.TYPE_BYTES:
            return self.random.randbytes(pick((0, 1, 16, 200)))
        if field.type == field.TYPE_STRING:
            return pick(('', 'a', 'Größe', '図', '\U0001f40e', 'x' * 300)) + str(
                self.random.randrange(100))
        bits = 64 if kind in (field.CPPTYPE_INT64, field.CPPTYPE_UINT64) else 32
        if kind in (field.CPPTYPE_UINT32, field.CPPTYPE_UINT64):
            return pick((0, 1, 127, 128, 300, 2**(bits - 1), 2**bits - 1))
        return pick((0, 1, -1, 127, 128, -129, 2**(bits - 1) - 1, -2**(bits - 1)))


def canonical(message):
    """Bytes by which messages compare, NaN and negative zero included."""
    return message.SerializeToString(deterministic=True)


def without_unknown(message):
    message.DiscardUnknownFields()
    return message


def rewrite(args, pairs):
    with tempfile.NamedTemporaryFile('w', suffix='.txt') as listing:
        listing.writelines(f'{before}\t{after}\n' for before, after in pairs)
        listing.flush()
        subprocess.run([args.rewrite, listing.name], check=True)


def check_round_trips(args):
    pb2 = import_protobuf()
    maker = Maker(seed=20)
    maker.know(pb2.Model.DESCRIPTOR)
    models = []
    while not maker.complete() or len(models) < 100:
        models.append(pb2.Model())
        maker.fill(models[-1])
        if len(models) == 5000:
            sys.exit('never set: ' + ', '.join(k for k, v in maker.uses.items() if not v))
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        pairs = [(folder / f'{i}.in', folder / f'{i}.out') for i in range(len(models))]
        for model, (before, _) in zip(models, pairs):
            before.write_bytes(model.SerializeToString())
        rewrite(args, pairs)
        for model, (before, after) in zip(models, pairs):
            back = pb2.Model()
            back.ParseFromString(after.read_bytes())
            if canonical(back) != canonical(model):
                sys.exit(f'model {before.stem} changed:\n{model}\nbecame\n{back}')
            # The same fields in the same encoding take the same number of bytes.
            assert before.stat().st_size == after.stat().st_size, before.stem
    print(f'{len(models)} models with {len(maker.uses)} different fields are equal')


def check_shared_models(args):
    pb2 = import_protobuf()
    shared = pathlib.Path(os.environ.get('POME_SHARED') or args.source / '..' / 'shared')
    paths = sorted(shared.glob('**/*.mlmodel'))
    if not paths:
        skip('needs the folder ../shared (or POME_SHARED), which is absent')
    with tempfile.TemporaryDirectory() as temporary:
        pairs = [(path, pathlib.Path(temporary) / f'{i}.out') for i, path in enumerate(paths)]
        rewrite(args, pairs)
        for before, after in pairs:
            ours, theirs = pb2.Model(), pb2.Model()
            theirs.ParseFromString(before.read_bytes())
            ours.ParseFromString(after.read_bytes())
            if canonical(ours) != canonical(without_unknown(theirs)):
                sys.exit(f'{before} changed')
    print(f'{len(paths)} models are equal')


def main():
    checks = {name[len('check_'):]: function for name, function in globals().items()
              if name.startswith('check_')}
    parser = argparse.ArgumentParser()
    parser.add_argument('check', choices=sorted(checks))
    parser.add_argument('--rewrite')
    parser.add_argument('--source', type=pathlib.Path)
    parser.add_argument('--protoc')
    args = parser.parse_args()
    checks[args.check](args)


if __name__ == '__main__':
    main()
