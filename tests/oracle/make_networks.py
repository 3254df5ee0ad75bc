#!/usr/bin/env python3
"""Writes the expected results of the neural networks in ../shared/models, and looks at them.

    make_networks.py --models SHARED_MODELS --out FOLDER [--look FOLDER] [--only NAME]

For each case FOLDER gets NAME.npz: inputs that no formula makes, and outputs. The hourglass network
is run in LiteRT from its .tflite twin, all others are evaluated by network_numpy.py. --look writes
pictures to be looked at and prints sentences.
Needs the packages of requirements.txt in this folder, and ai-edge-litert for the hourglass.
"""
import argparse
import json
import os
import struct

os.environ.setdefault('PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION', 'python')
import numpy as np  # noqa: E402
from coremltools.proto import Model_pb2, NeuralNetwork_pb2  # noqa: E402
from PIL import Image  # noqa: E402

import network_numpy as nn  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
PHOTOS = os.path.join(HERE, '..', 'data', 'oracle')
STYLE_LAYERS = {'ResCropBlockLambda': lambda x: x[..., 2:-2, 2:-2],
                'RescaleOutputLambda': lambda x: (x + 1) * 127.5}


def load(models, path):
    spec = Model_pb2.Model()
    with open(os.path.join(models, path), 'rb') as file:
        spec.ParseFromString(file.read())
    return spec


def photo(name, width, height):
    """A photograph of 224 x 224, each pixel repeated: floor(224 x / width)."""
    image = np.asarray(Image.open(os.path.join(PHOTOS, f'efficientnet-{name}.png')).convert('RGB'))
    return image[np.arange(height) * 224 // height][:, np.arange(width) * 224 // width]


def pose(models, look):
    """The same picture, scaled as the Core ML file scales it, through the .tflite twin in LiteRT."""
    from ai_edge_litert.interpreter import Interpreter
    spec = load(models, 'pose-hourglass/model_hourglass.mlmodel')
    image = photo('cat', 192, 192)
    interpreter = Interpreter(os.path.join(models, 'pose-hourglass/model_hourglass.tflite'))
    interpreter.allocate_tensors()
    given = interpreter.get_input_details()[0]
    scaled = nn.picture(image, spec.neuralNetwork, 'image__0')[0, 0].transpose(1, 2, 0)
    interpreter.set_tensor(given['index'], scaled[None].astype(given['dtype']))
    interpreter.invoke()
    out = interpreter.get_tensor(interpreter.get_output_details()[0]['index'])[0].transpose(2, 0, 1)
    own = nn.evaluate(spec, {'image__0': image})['hourglass_out_3__0'][0, 0]
    print('pose: LiteRT', out.min(), out.max(), 'numpy differs by', np.abs(own - out).max())
    return {'hourglass_out_3__0': out.astype(np.float32)}


def read_bundle(bundle):
    """Layers and weight blobs of a compiled network."""
    with open(os.path.join(bundle, 'model.espresso.net')) as file:
        layers = json.load(file)['layers']
    with open(os.path.join(bundle, 'model.espresso.weights'), 'rb') as file:
        data = file.read()
    blobs, count = {}, struct.unpack_from('<Q', data)[0]
    at = 8 + 16 * count
    for i in range(count):
        key, size = struct.unpack_from('<QQ', data, 8 + 16 * i)
        blobs[key] = data[at:at + size]
        at += size
    return layers, blobs


def fold(spec, bundle):
    """As Apple's compiler stores it: batch norms folded into convolutions, weights in float16.

    The weights are the bundle's own; that they are the folded ones to half a unit of float16 is
    checked.
    """
    compiled = {l['name']: l for l in bundle[0]}
    network = getattr(spec, spec.WhichOneof('Type'))
    norms = {l.input[0]: l.batchnorm for l in network.layers if l.WhichOneof('layer') == 'batchnorm'}
    for layer in network.layers:
        if layer.WhichOneof('layer') == 'batchnorm':
            layer.activation.linear.alpha = 1
        if layer.WhichOneof('layer') != 'convolution' or layer.output[0] not in norms:
            continue
        p, norm = layer.convolution, norms[layer.output[0]]
        gamma, beta, mean, variance = (nn.weight(m) for m in (norm.gamma, norm.beta, norm.mean, norm.variance))
        factor = gamma / np.sqrt(variance + norm.epsilon)
        w = nn.weight(p.weights, (p.outputChannels, p.kernelChannels, *p.kernelSize))
        w = w * factor.reshape(-1, 1, 1, 1)
        p.weights.Clear()
        p.weights.float16Value = bundle[1][compiled[layer.name]['blob_weights_f16']]
        stored = nn.weight(p.weights, w.shape)
        assert (np.abs(stored - w) <= 2.0**-11 * 1.001 * np.abs(w) + 2.0**-25).all(), layer.name
        bias = nn.weight(p.bias) if p.hasBias else 0
        p.bias.Clear()
        p.bias.floatValue.extend(np.frombuffer(bundle[1][compiled[layer.name]['blob_biases']], '<f4'))
        p.hasBias = True
        assert np.allclose(nn.weight(p.bias), (bias - mean) * factor + beta, rtol=1e-5, atol=1e-5), layer.name
    return spec


def ssd(models, look):
    image = photo('coffee', 600, 375)
    path = 'ssd-ocr/SSDOcr.mlmodel'
    whole = nn.evaluate(load(models, path), {'0': image})
    bundle = read_bundle(os.path.join(models, 'ssd-ocr/SSDOcr.mlmodelc'))
    folded = nn.evaluate(fold(load(models, path), bundle), {'0': image})
    for name in whole:
        print('ssd', name, whole[name].shape, 'folding to float16 changes it by',
              np.abs(whole[name] - folded[name]).max(), 'of', np.abs(whole[name]).max())
    out = {name: value[0, 0].squeeze() if value.shape[0] == 1 else value.reshape(-1)
           for name, value in whole.items()}
    out.update({f'compiled.{name}': (value[0, 0].squeeze() if value.shape[0] == 1 else value.reshape(-1))
                for name, value in folded.items()})
    # Every ninth box: enough to see all of the network.
    return {name: value[::9].astype(np.float32) for name, value in out.items()}


def deeplab(models, look):
    spec = load(models, 'deeplab-v3-int8lut/DeepLabV3Int8LUT.mlmodel')
    network = spec.neuralNetwork
    last = [l for l in network.layers if l.output[0] == 'semanticPredictions'][0]
    out = {}
    for name in ('cat', 'coffee'):
        image = photo(name, 513, 513)
        result = nn.evaluate(spec, {'image': image}, keep=[last.input[0]])
        scores = np.sort(result[last.input[0]][0, 0], axis=0)
        labels = result['semanticPredictions'].reshape(513, 513).astype(np.uint8)
        print('deeplab', name, dict(zip(*map(list, np.unique(labels, return_counts=True)))))
        out[f'{name}.labels'] = labels
        # Where two classes are this near, a thousandth may change which is ahead.
        out[f'{name}.certain'] = np.packbits(scores[-1] - scores[-2] > 2e-3)
        if look:
            colours = np.random.default_rng(3).integers(0, 256, (32, 3)).astype(np.uint8)
            Image.fromarray(np.hstack([image, (image // 2 + colours[labels] // 2)])).save(
                os.path.join(look, f'deeplab-{name}.png'))
    return out


# The characters of the two vocabularies, in the order of their codes (esCharToInt, intToEnChar in the
# app that the models come from). Decoding starts with the tab and ends with the newline.
SPANISH = (' !"$%\'()+,-./0123456789:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
           '\u00a1\u00ab\u00b0\u00ba\u00bb\u00bf\u00c1\u00c9\u00d3\u00da\u00e1\u00e8\u00e9\u00ed\u00f1\u00f3\u00f6\u00fa\u00fc\u015b\u0441\u2014\u20ac')
ENGLISH = ('\t\n !"$%\',-./0123456789:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
           '\u00b0\u00e1\u00e3\u00e8\u00e9\u00f6\u2018\u2019\u2082\u20ac')
SENTENCES = ('Tengo hambre.', 'Me gusta el caf\u00e9.', '\u00bfQu\u00e9 hora es?', '\u00c9l es m\u00e9dico.')


def seq2seq(models, look):
    """Spanish sentences letter by letter into the encoder, its state into the decoder, English out."""
    encoder = load(models, 'seq2seq-lstm/Es2EnCharEncoder16Bit.mlmodel')
    decoder = load(models, 'seq2seq-lstm/Es2EnCharDecoder16Bit.mlmodel')
    out = {}
    for number, sentence in enumerate(SENTENCES):
        codes = [SPANISH.index(c) for c in sentence]
        state = nn.evaluate(encoder, {'encodedSeq': np.eye(101)[codes].reshape(-1, 1, 101, 1, 1)})
        h, c = state['encoder_lstm_h_out'].reshape(-1), state['encoder_lstm_c_out'].reshape(-1)
        out[f'{number}.codes'], out[f'{number}.h'], out[f'{number}.c'] = codes, h, c
        char, probabilities, chosen = 0, [], []
        while len(chosen) < 60 and (not chosen or chosen[-1] != 1):
            step = nn.evaluate(decoder, {'encodedChar': np.eye(87)[char], 'decoder_lstm_h_in': h,
                                         'decoder_lstm_c_in': c})
            h, c = step['decoder_lstm_h_out'].reshape(-1), step['decoder_lstm_c_out'].reshape(-1)
            probabilities.append(step['nextCharProbs'].reshape(-1))
            char = int(probabilities[-1].argmax())
            chosen.append(char)
        print(sentence, '->', ''.join(ENGLISH[i] for i in chosen).strip())
        out[f'{number}.probabilities'], out[f'{number}.chosen'] = np.stack(probabilities), chosen
    return {k: np.asarray(v, np.float32 if np.asarray(v).dtype == np.float64 else np.int32)
            for k, v in out.items()}


def gesture(models, look):
    spec = load(models, 'gesture-lstm/GestureClassifier.mlmodel')
    time = np.arange(20)[:, None]
    features = np.sin(time * (np.arange(6) + 1) / 5)[None]
    out = nn.evaluate(spec, {'features': features})
    return {'features': features, **{k: v.reshape(-1) for k, v in out.items()}}


def drawing(models, look):
    spec = load(models, 'updatable-drawing/TinyDrawingEmbedding.mlmodel')
    y, x = np.mgrid[0:28, 0:28]
    image = np.where(np.abs(np.hypot(x - 13.5, y - 13.5) - 9) < 2, 255, 0).astype(np.uint8)
    return {'drawing': image, 'embedding': nn.evaluate(spec, {'drawing': image})['embedding'].reshape(-1)}


def style(models, look):
    spec = load(models, 'style-transfer-custom-layer/FastStyleTransferVanGoghStarryNight.mlmodel')
    image = photo('cat', 320, 320)
    out = nn.evaluate(spec, {'image': image}, custom=STYLE_LAYERS)['output'][0, 0].transpose(1, 2, 0)
    print('style', out.shape, out.min(), out.max())
    if look:
        Image.fromarray(np.clip(np.rint(out), 0, 255).astype(np.uint8)).save(os.path.join(look, 'style.png'))
    # A grid of pixels, as numbers before they are rounded to bytes.
    return {'output': out[::4, ::4].astype(np.float32)}


def waifu2x(models, look):
    """The compiled bundle alone is there: its seven layers, read here in their plainest form."""
    layers, blobs = read_bundle(
        os.path.join(models, 'waifu2x-espresso/up_photo_noise1_scale2x_model.mlmodelc'))
    blobs = {key: np.frombuffer(value[:len(value) // 4 * 4], '<f4') for key, value in blobs.items()}
    image = photo('coffee', 156, 156)
    x = image.transpose(2, 0, 1)[None, None] / 255
    for layer in layers:
        if layer['type'] == 'activation':
            x = np.where(x >= 0, x, layer['alpha'] * x)
            continue
        p = NeuralNetwork_pb2.ConvolutionLayerParams()
        p.isDeconvolution = layer['type'] == 'deconvolution'
        p.outputChannels, p.kernelChannels, p.hasBias = layer['C'], layer['K'], True
        p.kernelSize.extend([layer['Ny'], layer['Nx']])
        p.stride.extend([layer.get('stride_y', 1), layer.get('stride_x', 1)])
        for first, second in (('pad_t', 'pad_b'), ('pad_l', 'pad_r')):
            edge = p.valid.paddingAmounts.borderAmounts.add()
            edge.startEdgeSize, edge.endEdgeSize = layer[first], layer[second]
        p.weights.floatValue.extend(blobs[layer['blob_weights']])
        p.bias.floatValue.extend(blobs[layer['blob_biases']][:layer['C']])
        x = nn.convolution(p, x)
    if look:
        out = np.clip(np.rint(x[0, 0].transpose(1, 2, 0) * 255), 0, 255).astype(np.uint8)
        whole = Image.new('RGB', (2 * out.shape[1], out.shape[0]))
        whole.paste(Image.fromarray(image[7:-7, 7:-7]).resize(out.shape[1::-1], Image.NEAREST), (0, 0))
        whole.paste(Image.fromarray(out), (out.shape[1], 0))
        whole.save(os.path.join(look, 'waifu2x.png'))
    return {'conv7': x[0, 0, :, ::5, ::5].astype(np.float32)}


CASES = {'waifu2x': waifu2x, 'pose': pose, 'ssd': ssd, 'deeplab': deeplab, 'seq2seq': seq2seq, 'gesture': gesture,
         'drawing': drawing, 'style': style}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--models', required=True)
    parser.add_argument('--out', required=True)
    parser.add_argument('--look')
    parser.add_argument('--only', choices=CASES)
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    for name, case in CASES.items():
        if args.only in (None, name):
            arrays = case(args.models, args.look)
            np.savez_compressed(os.path.join(args.out, f'{name}.npz'), **arrays)


main()
