#!/usr/bin/env python3
"""Generates plain C++ structs with readers and writers from the schemas in proto/.

    protogen.py OUT_DIR FILE.proto...

For each NAME.proto it writes OUT_DIR/proto/NAME.pb.h and NAME.pb.cpp, which stand on
src/proto/message.h. What a schema becomes:

    message A { message B {} }   struct A, struct A_B                    (namespace pome::proto)
    string / bytes               std::string_view / Bytes: views into the file's buffer
    message field                Box<T> (null when absent)
    repeated message / string    std::vector
    repeated float / double      PackedView: a view of the packed bytes
    repeated integer             std::vector (bool as std::uint8_t)
    map<K, V>                    Map<K, V>, in file order
    oneof kind { T a = 1; }      Oneof kind;  const T* a() const;  T& make_a();  kind.which() == 1,
                                 scalars: std::optional<T> a() const;  void set_a(T)
    enum E                       enum class E : std::int32_t, unknown values kept as numbers

Messages of the package ...MILSpec live in pome::proto::mil. Each message keeps views of the fields
that its schema does not know (`unknown_fields`) and writes them back. Only what the schemas use of
proto3 is understood; anything else stops with the line.

For each message T there are `void read(T&, Reader)` and `void write(const T&, Writer&)`; callers
use `parse<T>(bytes, budget)` and `serialize(message)` of src/proto/message.h.
"""
import os
import re
import sys

SCALARS = {  # proto type: (C++ type, Oneof alternative, reader call, writer call, default)
    'int32': ('std::int32_t', 'std::int64_t', 'varint', 'varint', ' = 0'),
    'int64': ('std::int64_t', 'std::int64_t', 'varint', 'varint', ' = 0'),
    'uint32': ('std::uint32_t', 'std::uint64_t', 'unsigned_varint', 'varint', ' = 0'),
    'uint64': ('std::uint64_t', 'std::uint64_t', 'unsigned_varint', 'varint', ' = 0'),
    'bool': ('bool', 'bool', 'boolean', 'varint', ' = false'),
    'float': ('float', 'float', 'fixed_float', 'fixed', ' = 0'),
    'double': ('double', 'double', 'fixed_double', 'fixed', ' = 0'),
    'string': ('std::string_view', 'std::string_view', 'text', 'text', ''),
    'bytes': ('Bytes', 'Bytes', 'bytes', 'bytes', ''),
}
KEYWORDS = {'and', 'or', 'not', 'xor', 'bool', 'int', 'float', 'double', 'default', 'auto', 'new',
            'delete', 'class', 'struct', 'union', 'enum', 'switch', 'case', 'for', 'while', 'do',
            'if', 'else', 'return', 'true', 'false', 'const', 'static', 'and_eq', 'or_eq',
            'operator', 'template', 'this', 'using', 'namespace', 'public', 'private'}


class Field:
    def __init__(self, label, kind, name, number, key=None, oneof=None):
        self.label, self.kind, self.name, self.number = label, kind, name, int(number)
        self.key, self.oneof = key, oneof
        self.ident = name + '_' if name in KEYWORDS else name


class Message:
    def __init__(self, path):
        self.path, self.fields, self.oneofs = path, [], []


class Schema:
    """One parsed file: messages and enums by their dotted path inside the package."""

    def __init__(self, path):
        self.name = os.path.splitext(os.path.basename(path))[0]
        self.package, self.imports, self.messages, self.enums = '', [], [], {}
        self.parse(path)

    def parse(self, path):
        scope = []  # (kind, object)
        with open(path, encoding='utf-8') as file:
            for number, line in enumerate(file, 1):
                line = line.split('//')[0].strip()
                if not line:
                    continue
                if not self.line(line, scope):
                    sys.exit(f'{path}:{number}: not understood: {line}')

    def line(self, line, scope):
        kind, top = scope[-1] if scope else (None, None)
        outer = [obj.path for what, obj in scope if what == 'message']
        prefix = outer[-1] + '.' if outer else ''
        if line.startswith('syntax'):
            return True
        if found := re.fullmatch(r'package ([\w.]+);', line):
            self.package = found[1]
        elif found := re.fullmatch(r'import (?:public )?"(\w+)\.proto";', line):
            self.imports.append(found[1])
        elif found := re.fullmatch(r'message (\w+) \{', line):
            scope.append(('message', Message(prefix + found[1])))
            self.messages.append(scope[-1][1])
        elif found := re.fullmatch(r'enum (\w+) \{', line):
            self.enums[prefix + found[1]] = []
            scope.append(('enum', prefix + found[1]))
        elif found := re.fullmatch(r'oneof (\w+) \{', line):
            top.oneofs.append(found[1])
            scope.append(('oneof', (top, found[1])))
        elif line == '}':
            scope.pop()
        elif kind == 'enum' and (found := re.fullmatch(r'(\w+) = (\d+);', line)):
            self.enums[top].append((found[1], int(found[2])))
        elif found := re.fullmatch(r'map<(\w+), ([\w.]+)> (\w+) = (\d+);', line):
            top.fields.append(Field('map', found[2], found[3], found[4], key=found[1]))
        elif found := re.fullmatch(r'(repeated )?([\w.]+) (\w+) = (\d+);', line):
            message, oneof = (top[0], top[1]) if kind == 'oneof' else (top, None)
            message.fields.append(Field('repeated' if found[1] else '', found[2], found[3],
                                        found[4], oneof=oneof))
        else:
            return False
        return True


class World:
    """All schemas together: finds the C++ name behind a type written in a scope."""

    def __init__(self, schemas):
        self.types = {}  # (package, path) -> ('message' | 'enum')
        for schema in schemas:
            for message in schema.messages:
                self.types[schema.package, message.path] = 'message'
            for path in schema.enums:
                self.types[schema.package, path] = 'enum'

    def find(self, schema, scope, name):
        """('message' | 'enum', C++ name) of the type that `name` means inside `scope`."""
        packages = [schema.package] + sorted({p for p, _ in self.types} - {schema.package})
        parts = scope.split('.') if scope else []
        for package in packages:
            tail = name  # may begin with the package, whole or its last part
            for prefix in (package + '.', package.rsplit('.', 1)[-1] + '.'):
                if name.startswith(prefix):
                    tail = name[len(prefix):]
                    break
            for depth in range(len(parts), -1, -1):
                path = '.'.join(parts[:depth] + [tail])
                if (package, path) in self.types:
                    return self.types[package, path], qualified(package, path, schema.package)
        sys.exit(f'{schema.name}.proto: {scope}: unknown type {name}')


def namespace(package):
    return 'pome::proto::mil' if package.endswith('MILSpec') else 'pome::proto'


def qualified(package, path, seen_from):
    name = path.replace('.', '_')
    if namespace(package) == namespace(seen_from):
        return name
    return ('mil::' if package.endswith('MILSpec') else 'proto::') + name


class Emitter:
    def __init__(self, world, schema):
        self.world, self.schema = world, schema

    def resolve(self, message, kind):
        """('scalar' | 'enum' | 'message', C++ type)."""
        if kind in SCALARS:
            return 'scalar', SCALARS[kind][0]
        return self.world.find(self.schema, message.path, kind)

    # --- header ---

    def header(self):
        out = [f'// Generated from proto/{self.schema.name}.proto by tools/protogen.py.',
               '#pragma once', '', '#include "proto/message.h"']
        out += [f'#include "proto/{name}.pb.h"' for name in self.schema.imports]
        out += ['', f'namespace {namespace(self.schema.package)} {{', '']
        for path, values in self.schema.enums.items():
            out.append(f'enum class {path.replace(".", "_")} : std::int32_t {{')
            out += [f'  {name} = {number},' for name, number in values]
            out += ['};', '']
        out += [f'struct {m.path.replace(".", "_")};' for m in self.schema.messages] + ['']
        # A struct that holds a vector of pairs needs complete types: inner ones come first.
        for message in self.ordered():
            out += self.struct(message) + ['']
        for message in self.schema.messages:
            name = message.path.replace('.', '_')
            out.append(f'void read({name}& out, Reader in);')
            out.append(f'void write(const {name}& in, Writer& out);')
        out += ['', f'}}  // namespace {namespace(self.schema.package)}', '']
        return '\n'.join(out)

    def ordered(self):
        return sorted(self.schema.messages, key=lambda m: -m.path.count('.'))

    def struct(self, message):
        out = [f'struct {message.path.replace(".", "_")} {{']
        for name in message.oneofs:
            out.append(f'  Oneof {name};')
        for field in message.fields:
            if field.oneof:
                out += self.oneof_members(message, field)
                continue
            what, cpp = self.resolve(message, field.kind)
            if field.label == 'map':
                key = SCALARS[field.key][0]
                out.append(f'  Map<{key}, {cpp}> {field.ident};')
            elif field.label == 'repeated':
                out.append(f'  {self.repeated(what, cpp, field)} {field.ident};')
            elif what == 'message':
                out.append(f'  Box<{cpp}> {field.ident};')
            elif what == 'enum':
                out.append(f'  {cpp} {field.ident}{{}};')
            else:
                out.append(f'  {cpp} {field.ident}{SCALARS[field.kind][4]};')
        return out + ['  UnknownFields unknown_fields;', '};']

    def repeated(self, what, cpp, field):
        if field.kind in ('float', 'double'):
            return f'PackedView<{field.kind}>'
        if field.kind == 'bool':
            return 'std::vector<std::uint8_t>'
        if what == 'enum':
            return 'std::vector<std::int32_t>'
        return f'std::vector<{cpp}>'

    def oneof_members(self, message, field):
        what, cpp = self.resolve(message, field.kind)
        box, n, name = field.oneof, field.number, field.ident
        if what == 'message':
            return [f'  const {cpp}* {name}() const noexcept '
                    f'{{ return {box}.message<{cpp}>({n}); }}',
                    f'  {cpp}& make_{field.name}();']
        stored = 'std::int64_t' if what == 'enum' else SCALARS[field.kind][1]
        return [f'  std::optional<{cpp}> {name}() const noexcept '
                f'{{ return {box}.scalar<{stored}, {cpp}>({n}); }}',
                f'  void set_{field.name}({cpp} new_value) '
                f'{{ {box}.set<{stored}>({n}, static_cast<{stored}>(new_value)); }}']

    # --- source ---

    def source(self):
        out = [f'// Generated from proto/{self.schema.name}.proto by tools/protogen.py.',
               f'#include "proto/{self.schema.name}.pb.h"', '', '#include "pome/error.h"']
        out += ['', f'namespace {namespace(self.schema.package)} {{', '']
        for message in self.schema.messages:
            out += self.makers(message)
            out += self.reader(message) + [''] + self.writer(message) + ['']
        out += [f'}}  // namespace {namespace(self.schema.package)}', '']
        return '\n'.join(out)

    def makers(self, message):
        """make_...() of oneofs, kept out of the header since they cost every includer time."""
        owner, out = message.path.replace('.', '_'), []
        for field in message.fields:
            what, cpp = self.resolve(message, field.kind)
            if field.oneof and what == 'message':
                out += [f'{cpp}& {owner}::make_{field.name}() '
                        f'{{ return {field.oneof}.make<{cpp}>({field.number}); }}', '']
        return out

    def reader(self, message):
        name = message.path.replace('.', '_')
        out = [f'void read({name}& out, Reader in) {{', '  int field = 0;',
               '  const char* place = "";', '  try {', '    for (; in.next(); field = 0) {',
               '      field = in.field();', '      switch (field) {']
        for field in message.fields:
            out.append(f'        case {field.number}:')
            out.append(f'          place = "{field.name}";')
            out += ['          ' + line for line in self.read_field(message, field)]
            out.append('          break;')
        out += ['        default:', '          place = "";',
                '          in.keep(out.unknown_fields);', '      }',
                '    }', '  } catch (const Error&) {',
                f'    rethrow_within("{message.path}", field, place);', '  }', '}']
        return out

    def read_field(self, message, field):
        what, cpp = self.resolve(message, field.kind)
        name = field.ident
        if field.label == 'map':
            key_type, _, key_read = SCALARS[field.key][:3]
            value = (f'read(value, entry.message());' if what == 'message'
                     else f'value = static_cast<{cpp}>(entry.{self.get(what, field)}());')
            return ['{', f'  auto& [key, value] = in.add(out.{name});',
                    '  for (auto entry = in.message(); entry.next();) {',
                    f'    if (entry.field() == 1) key = static_cast<{key_type}>(entry.{key_read}());',
                    f'    else if (entry.field() == 2) {value}',
                    '    else entry.skip();', '  }', '}']
        if field.label == 'repeated':
            if field.kind in ('float', 'double'):
                return [f'in.append(out.{name});']
            if what == 'message':
                return [f'read(in.add(out.{name}), in.message());']
            if field.kind in ('string', 'bytes'):
                return [f'in.add(out.{name}) = in.{self.get(what, field)}();']
            return [f'in.append_varints(out.{name});']
        if field.oneof:
            if what == 'message':
                return [f'in.book(sizeof({cpp}));', f'read(out.make_{field.name}(), in.message());']
            return [f'out.set_{field.name}(static_cast<{cpp}>(in.{self.get(what, field)}()));']
        if what == 'message':
            return [f'in.book(sizeof({cpp}));', f'read(out.{name}.make(), in.message());']
        return [f'out.{name} = static_cast<{cpp}>(in.{self.get(what, field)}());']

    def get(self, what, field):
        return 'varint' if what == 'enum' else SCALARS[field.kind][2]

    def writer(self, message):
        name = message.path.replace('.', '_')
        out = [f'void write(const {name}& in, Writer& out) {{']
        for field in sorted(message.fields, key=lambda f: f.number):
            out += ['  ' + line for line in self.write_field(message, field)]
        return out + ['  out.unknown(in.unknown_fields);', '}']

    def put(self, what, field, number, expr):
        """Statement that writes one value."""
        if what == 'message':
            return f'out.message({number}, {expr});'
        if what == 'enum':
            return f'out.varint({number}, static_cast<std::int32_t>({expr}));'
        if field.kind == 'bool':
            return f'out.varint({number}, std::uint64_t{{{expr}}});'
        return f'out.{SCALARS[field.kind][3]}({number}, {expr});'

    def write_field(self, message, field):
        what, cpp = self.resolve(message, field.kind)
        name, n = field.ident, field.number
        if field.label == 'map':
            key = Field('', field.key, 'key', 1)
            return [f'for (const auto& [key, value] : in.{name}) {{',
                    f'  const auto mark = out.open({n});',
                    '  ' + self.put('scalar', key, 1, 'key'),
                    '  ' + self.put(what, field, 2, 'value'), '  out.close(mark);', '}']
        if field.label == 'repeated':
            if field.kind in ('float', 'double'):
                return [f'if (!in.{name}.empty()) out.bytes({n}, in.{name}.bytes());']
            if what == 'message' or field.kind in ('string', 'bytes'):
                return [f'for (const auto& value : in.{name}) ' + self.put(what, field, n, 'value')]
            return [f'out.packed({n}, in.{name});']
        if field.oneof:
            if what == 'message':
                return [f'if (const auto* value = in.{name}()) ' + self.put(what, field, n, '*value')]
            return [f'if (const auto value = in.{name}()) '
                    + self.put(what, field, n, '*value')]
        if what == 'message':
            return [f'if (in.{name}) ' + self.put(what, field, n, f'*in.{name}')]
        return [f'if (!is_default(in.{name})) ' + self.put(what, field, n, f'in.{name}')]


def write_if_changed(path, text):
    """Leaves the time stamp alone when nothing changed, so that nothing is rebuilt."""
    if os.path.exists(path):
        with open(path, encoding='utf-8') as file:
            if file.read() == text:
                return
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    folder = os.path.join(sys.argv[1], 'proto')
    os.makedirs(folder, exist_ok=True)
    schemas = [Schema(path) for path in sys.argv[2:]]
    world = World(schemas)
    for schema in schemas:
        emitter = Emitter(world, schema)
        write_if_changed(os.path.join(folder, schema.name + '.pb.h'), emitter.header())
        write_if_changed(os.path.join(folder, schema.name + '.pb.cpp'), emitter.source())


if __name__ == '__main__':
    main()
