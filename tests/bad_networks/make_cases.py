#!/usr/bin/env python3
"""Writes cases.json from the tables in cases/: broken networks and their mended forms, as models.

Usage: make_cases.py   (needs the packages of models/requirements.txt)

A table is a list of cases:

    == innerProduct: weights too short          the layer's type and a title
    accepted                                    not refused yet: it must run until it is
    exact                                       array inputs keep their rank (else five dimensions)
    input x 3                                   an array input and its shape
    layer i innerProduct x -> y { ... }         name, type, inputs -> outputs, parameters in protobuf's
                                                text form; `floats: 6`, `halves: 6` and `raw: 6` stand
                                                for a weight of as many numbers (or bytes)
    output z                                    an output of the model; y when none is named
    ! 'weights' | 5 | 6                         parts of the sentence in their order; `!@ i` when the
                                                layer that it must name is not the last one, `!@` when
                                                it is about no layer
    ~ floats: 5 => floats: 6                    with all replacements made the network must run;
                                                "; " in the new text begins a line
"""
import json
import os
import re

os.environ.setdefault('PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION', 'python')
from coremltools.proto import Model_pb2, NeuralNetwork_pb2  # noqa: E402
from google.protobuf import text_format  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
LAYER = re.compile(r'layer (\S+) (\S+) ?(.*?) ?-> (.*?) \{(.*)\}$')


def weights(text):
    text = re.sub(r'floats: (\d+)', lambda m: 'floatValue: [' + ', '.join(
        str(0.25 * (i + 1)) for i in range(int(m[1]))) + ']', text)
    text = re.sub(r'halves: (\d+)', lambda m: 'float16Value: "' + '\\000\\074' * int(m[1]) + '"', text)
    return re.sub(r'raw: (\d+)', lambda m: 'rawValue: "' + '\\001' * int(m[1]) + '"', text)


def model(lines):
    out = Model_pb2.Model(specificationVersion=4)
    network = out.neuralNetwork
    outputs = []
    for line in lines:
        words = line.split()
        if words[0] == 'exact':
            network.arrayInputShapeMapping = NeuralNetwork_pb2.EXACT_ARRAY_MAPPING
        elif words[0] == 'input':
            feature = out.description.input.add(name=words[1])
            feature.type.multiArrayType.shape.extend(int(w) for w in words[2:])
            feature.type.multiArrayType.dataType = 65568
        elif words[0] == 'output':
            outputs.append(words[1])
        else:
            name, kind, inputs, made, parameters = LAYER.match(line).groups()
            layer = network.layers.add(name='' if name == '-' else name)
            layer.input.extend(inputs.split())
            layer.output.extend(made.split())
            if kind != 'none':
                getattr(layer, kind).SetInParent()
                text_format.Parse(weights(parameters), getattr(layer, kind))
    for name in outputs or ['y']:
        out.description.output.add(name=name).type.multiArrayType.dataType = 65568
    return out.SerializeToString(deterministic=True).hex()


def read(path):
    cases = []
    with open(path) as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip('\n')
            if not line or line.startswith('# '):
                continue
            if line.startswith('== '):
                cases.append({'place': f'{os.path.basename(path)}:{number}: {line[3:]}', 'lines': [],
                              'phrases': [], 'repairs': [], 'layer': None})
            elif line == 'accepted':
                cases[-1]['accepted'] = True
            elif line.startswith('!'):
                head, _, rest = line.partition(' ')
                case = cases[-1]
                if head == '!@':
                    name, _, rest = rest.partition(' ')
                    case['layer'] = '' if name == '|' else name
                case['phrases'] += [p.strip() for p in rest.split(' | ') if p.strip() and p.strip() != '|']
            elif line.startswith('~ '):
                cases[-1]['repairs'].append(line[2:].split(' => '))
            else:
                cases[-1]['lines'].append(line)
    return cases


def main():
    out = []
    for name in sorted(os.listdir(os.path.join(HERE, 'cases'))):
        for case in read(os.path.join(HERE, 'cases', name)):
            body = '\n'.join(case['lines'])
            mended = body
            for old, new in case['repairs']:
                if old not in mended:
                    raise SystemExit(f'{case["place"]}: nothing to replace: {old}')
                mended = mended.replace(old, new.replace('; ', '\n'), 1)
            layer = case['layer']
            if layer is None:
                layer = LAYER.match([l for l in case['lines'] if l.startswith('layer')][-1])[1]
            try:
                out.append({'case': case['place'], 'accepted': case.get('accepted', False), 'layer': layer, 'phrases': case['phrases'],
                            'broken': model(body.split('\n')), 'mended': model(mended.split('\n'))})
            except Exception as error:
                raise SystemExit(f'{case["place"]}: {error}')
    with open(os.path.join(HERE, 'cases.json'), 'w') as file:
        json.dump(out, file, indent=0)
        file.write('\n')
    print(len(out), 'cases')


main()
