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

Messages of the package ...MILSpec live in pome::proto::mil. Unknown fields are skipped. Only what
the schemas use of proto3 is understood; anything else stops with the line.
"""
import os
import re
import sys

SCALARS = {  # proto type: (C++ type, Oneof alternative, reader call, writer call, default)
    'int32': ('std::int32_t', 'std::int64_t', 'varint', 'int32', ' = 0'),
    'int64': ('std::int64_t', 'std::int64_t', 'varint', 'int64', ' = 0'),
    'uint32': ('std::uint32_t', 'std::uint64_t', 'unsigned_varint', 'uint32', ' = 0'),
    'uint64': ('std::uint64_t', 'std::uint64_t', 'unsigned_varint', 'uint64', ' = 0'),
    'bool': ('bool', 'bool', 'boolean', 'bool', ' = false'),
    'float': ('float', 'float', 'fixed_float', 'float', ' = 0'),
    'double': ('double', 'double', 'fixed_double', 'double', ' = 0'),
    'string': ('std::string_view', 'std::string_view', 'text', 'string', ''),
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
            out.append(f'void write(const {name}& in, protozero::pbf_writer& out);')
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
        return out + ['};']

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
                    f'  {cpp}& make_{field.name}() {{ return {box}.make<{cpp}>({n}); }}']
        stored = 'std::int64_t' if what == 'enum' else SCALARS[field.kind][1]
        return [f'  std::optional<{cpp}> {name}() const noexcept '
                f'{{ return {box}.scalar<{stored}, {cpp}>({n}); }}',
                f'  void set_{field.name}({cpp} new_value) '
                f'{{ {box}.set<{stored}>({n}, static_cast<{stored}>(new_value)); }}']

    # --- source ---

    def source(self):
        out = [f'// Generated from proto/{self.schema.name}.proto by tools/protogen.py.',
               f'#include "proto/{self.schema.name}.pb.h"', '', '#include "pome/error.h"', '',
               f'namespace {namespace(self.schema.package)} {{', '']
        for message in self.schema.messages:
            out += self.reader(message) + [''] + self.writer(message) + ['']
        out += [f'}}  // namespace {namespace(self.schema.package)}', '']
        return '\n'.join(out)

    def reader(self, message):
        name = message.path.replace('.', '_')
        if not message.fields:
            return [f'void read({name}&, Reader in) {{', '  while (in.next()) in.skip();', '}']
        out = [f'void read({name}& out, Reader in) {{', '  int field = 0;',
               '  const char* place = "";', '  try {', '    while (in.next()) {',
               '      field = in.field();', '      switch (field) {']
        for field in message.fields:
            out.append(f'        case {field.number}:')
            out.append(f'          place = "{field.name}";')
            out += ['          ' + line for line in self.read_field(message, field)]
            out.append('          break;')
        out += ['        default:', '          place = "";', '          in.skip();', '      }',
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
            return ['{', f'  in.book(sizeof(std::pair<{key_type}, {cpp}>));',
                    f'  {key_type} key{{}};', f'  {cpp} value{{}};',
                    '  for (auto entry = in.message(); entry.next();) {',
                    f'    if (entry.field() == 1) key = static_cast<{key_type}>(entry.{key_read}());',
                    f'    else if (entry.field() == 2) {value}',
                    '    else entry.skip();', '  }',
                    f'  out.{name}.emplace_back(key, std::move(value));', '}']
        if field.label == 'repeated':
            if field.kind in ('float', 'double'):
                return [f'in.append(out.{name});']
            if what == 'message':
                return [f'in.book(sizeof({cpp}));', f'read(out.{name}.emplace_back(), in.message());']
            if field.kind in ('string', 'bytes'):
                return [f'in.book(sizeof({cpp}));', f'out.{name}.push_back(in.{self.get(what, field)}());']
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
        if not message.fields:
            return [f'void write(const {name}&, protozero::pbf_writer&) {{}}']
        out = [f'void write(const {name}& in, protozero::pbf_writer& out) {{']
        for field in sorted(message.fields, key=lambda f: f.number):
            out += ['  ' + line for line in self.write_field(message, field)]
        return out + ['}']

    def put(self, what, field, number, expr, writer='out'):
        """Statement that writes one value."""
        if what == 'message':
            return (f'{{ protozero::pbf_writer nested({writer}, {number}); '
                    f'write({expr}, nested); }}')
        if what == 'enum':
            return f'{writer}.add_enum({number}, static_cast<std::int32_t>({expr}));'
        if field.kind in ('string', 'bytes'):
            return (f'{writer}.add_{field.kind}({number}, '
                    f'reinterpret_cast<const char*>({expr}.data()), {expr}.size());')
        return f'{writer}.add_{SCALARS[field.kind][3]}({number}, {expr});'

    def write_field(self, message, field):
        what, cpp = self.resolve(message, field.kind)
        name, n = field.ident, field.number
        if field.label == 'map':
            key = Field('', field.key, 'key', 1)
            return [f'for (const auto& [key, value] : in.{name}) {{',
                    f'  protozero::pbf_writer entry(out, {n});',
                    '  ' + self.put('scalar', key, 1, 'key', 'entry'),
                    '  ' + self.put(what, field, 2, 'value', 'entry'), '}']
        if field.label == 'repeated':
            if field.kind in ('float', 'double'):
                return [f'if (!in.{name}.empty()) out.add_bytes({n}, reinterpret_cast<const char*>('
                        f'in.{name}.bytes().data()), in.{name}.bytes().size());']
            if what == 'message' or field.kind in ('string', 'bytes'):
                return [f'for (const auto& value : in.{name}) ' + self.put(what, field, n, 'value')]
            method = {'enum': 'enum'}.get(what) or SCALARS[field.kind][3]
            return [f'if (!in.{name}.empty()) out.add_packed_{method}({n}, in.{name}.begin(), '
                    f'in.{name}.end());']
        if field.oneof:
            if what == 'message':
                return [f'if (const auto* value = in.{name}()) ' + self.put(what, field, n, '*value')]
            return [f'if (const auto value = in.{name}()) '
                    + self.put(what, field, n,
                               '(*value)')]
        if what == 'message':
            return [f'if (in.{name}) ' + self.put(what, field, n, f'*in.{name}')]
        zero = f'in.{name}.empty()' if field.kind in ('string', 'bytes') else f'in.{name} == {cpp}{{}}'
        return [f'if (!({zero})) ' + self.put(what, field, n, f'in.{name}')]


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
