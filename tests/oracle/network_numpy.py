"""Evaluates Core ML neural networks in numpy float64, straight from the specification's messages.

Blobs are [sequence, batch, channel, height, width], as networks of the first three specification
versions have them. Only the layers of the real models in ../shared/models; shares no code with the
library. Custom layers are given as functions by class name.
"""
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def weight(message, shape=None):
    """A WeightParams message as float64, dequantized."""
    if message.floatValue:
        out = np.asarray(message.floatValue, np.float64)
    elif message.float16Value:
        out = np.frombuffer(message.float16Value, '<f2').astype(np.float64)
    elif message.rawValue:
        q = message.quantization
        bits = np.unpackbits(np.frombuffer(message.rawValue, np.uint8))
        count = int(np.prod(shape))
        codes = bits[:count * q.numberOfBits].reshape(count, q.numberOfBits)
        codes = codes @ (1 << np.arange(q.numberOfBits)[::-1])
        if q.WhichOneof('QuantizationType') == 'lookupTableQuantization':
            out = np.asarray(q.lookupTableQuantization.floatValue, np.float64)[codes]
        else:
            linear = q.linearQuantization
            out = codes.astype(np.float64).reshape(shape[0], -1)
            scale, bias = (np.asarray(x, np.float64).reshape(-1, 1) for x in (linear.scale, linear.bias))
            out = out * scale + (bias if bias.size else 0)
    else:
        out = np.zeros(0)
    return out.reshape(shape) if shape is not None else out


def edges(border, default=((0, 0), (0, 0))):
    amounts = [(int(b.startEdgeSize), int(b.endEdgeSize)) for b in border.borderAmounts]
    return amounts or list(default)


def same_padding(size, kernel, stride, dilation, top_heavy):
    reach = (kernel - 1) * dilation + 1
    total = max(0, (-(-size // stride) - 1) * stride + reach - size)
    less = total // 2
    return (total - less, less) if top_heavy else (less, total - less)


def windows(x, kernel, stride, dilation):
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation)]
    view = sliding_window_view(x, reach, axis=(-2, -1))
    return view[..., ::stride[0], ::stride[1], ::dilation[0], ::dilation[1]]


def pads_of(layer, kind, size, kernel, stride, dilation):
    if kind == 'same':
        heavy = layer.same.asymmetryMode == 1
        return [same_padding(s, k, t, d, heavy) for s, k, t, d in zip(size, kernel, stride, dilation)]
    return edges(layer.valid.paddingAmounts)


def convolution(layer, x):
    kernel = list(layer.kernelSize) or [3, 3]
    stride = list(layer.stride) or [1, 1]
    dilation = list(layer.dilationFactor) or [1, 1]
    groups, outputs = max(1, layer.nGroups), layer.outputChannels
    kind = layer.WhichOneof('ConvolutionPaddingType')
    x = x[0]
    if layer.isDeconvolution:
        out = deconvolution(layer, x, kernel, stride, groups, outputs, kind)
    else:
        pads = pads_of(layer, kind, x.shape[-2:], kernel, stride, dilation)
        x = np.pad(x, [(0, 0), (0, 0)] + list(pads))
        w = weight(layer.weights, (outputs, layer.kernelChannels, *kernel))
        parts = []
        for g in range(groups):
            inside = slice(g * layer.kernelChannels, (g + 1) * layer.kernelChannels)
            own = w[g * (outputs // groups):(g + 1) * (outputs // groups)]
            view = windows(x[:, inside], kernel, stride, dilation)
            parts.append(np.tensordot(view, own, axes=((1, 4, 5), (1, 2, 3))).transpose(0, 3, 1, 2))
        out = np.concatenate(parts, axis=1)
    if layer.hasBias:
        out = out + weight(layer.bias, (outputs,)).reshape(1, -1, 1, 1)
    return out[None]


def deconvolution(layer, x, kernel, stride, groups, outputs, kind):
    if groups != 1 or kind != 'valid':
        raise NotImplementedError('deconvolutions of other kinds')
    n, channels, h, w = x.shape
    k = weight(layer.weights, (channels, outputs, *kernel))
    out = np.zeros((n, outputs, (h - 1) * stride[0] + kernel[0], (w - 1) * stride[1] + kernel[1]))
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            part = np.tensordot(x, k[:, :, i, j], axes=(1, 0)).transpose(0, 3, 1, 2)
            out[:, :, i:i + h * stride[0]:stride[0], j:j + w * stride[1]:stride[1]] += part
    (top, bottom), (left, right) = edges(layer.valid.paddingAmounts)
    return out[:, :, top:out.shape[2] - bottom, left:out.shape[3] - right]


def pooling(layer, x):
    kernel, stride = list(layer.kernelSize) or [3, 3], list(layer.stride) or [1, 1]
    if layer.globalPooling:
        reduce = {0: np.max, 1: np.mean}[layer.type]
        return reduce(x, axis=(-2, -1), keepdims=True)
    kind = layer.WhichOneof('PoolingPaddingType')
    size = x.shape[-2:]
    if kind == 'includeLastPixel':
        pads = []
        for s, k, t, p in zip(size, kernel, stride, list(layer.includeLastPixel.paddingAmounts) or [0, 0]):
            count = -(-(s + 2 * p - k) // t) + 1
            if (count - 1) * t >= s + p:
                count -= 1
            pads.append((p, max(p, (count - 1) * t + k - s - p)))
    else:
        pads = pads_of(layer, kind, size, kernel, stride, [1, 1])
    around = [(0, 0)] * 3 + list(pads)
    view = windows(np.pad(x, around, constant_values=-np.inf if layer.type == 0 else 0), kernel, stride, [1, 1])
    if layer.type == 0:
        return view.max(axis=(-2, -1))
    if not layer.avgPoolExcludePadding:
        return view.mean(axis=(-2, -1))
    counts = windows(np.pad(np.ones_like(x), around), kernel, stride, [1, 1]).sum(axis=(-2, -1))
    return view.sum(axis=(-2, -1)) / counts


def sigmoid(x):
    return np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))


def activation(message, x):
    kind = message.WhichOneof('NonlinearityType')
    p = getattr(message, kind)
    if kind == 'linear':
        return p.alpha * x + p.beta
    if kind == 'ReLU':
        return np.maximum(x, 0)
    if kind == 'leakyReLU':
        return np.where(x >= 0, x, p.alpha * x)
    if kind == 'PReLU':
        return np.where(x >= 0, x, weight(p.alpha).reshape(-1, 1, 1) * x)
    if kind == 'tanh':
        return np.tanh(x)
    if kind == 'sigmoid':
        return sigmoid(x)
    if kind == 'sigmoidHard':
        return np.clip(p.alpha * x + p.beta, 0, 1)
    raise NotImplementedError(kind)


def batchnorm(layer, x):
    gamma, beta, mean, variance = (weight(m).reshape(-1, 1, 1) if m.ByteSize() else None for m in
                                   (layer.gamma, layer.beta, layer.mean, layer.variance))
    if layer.computeMeanVar:
        if not layer.instanceNormalization:
            raise NotImplementedError('statistics of a batch')
        mean, variance = x.mean(axis=(-2, -1), keepdims=True), x.var(axis=(-2, -1), keepdims=True)
    return (x - mean) / np.sqrt(variance + layer.epsilon) * gamma + beta


def unary(layer, x):
    x = x * layer.scale + layer.shift
    functions = {0: np.sqrt, 1: lambda v: 1 / np.sqrt(v + layer.epsilon), 2: lambda v: 1 / (v + layer.epsilon),
                 3: lambda v: v**layer.alpha, 4: np.exp, 5: np.log, 6: np.abs,
                 7: lambda v: np.maximum(v, layer.alpha)}
    return functions[layer.type](x)


def padding(layer, x):
    mode = {'constant': 'constant', 'reflection': 'reflect', 'replication': 'edge'}
    kind = layer.WhichOneof('PaddingType')
    options = {'constant_values': layer.constant.value} if kind == 'constant' else {}
    return np.pad(x, [(0, 0)] * 3 + edges(layer.paddingAmounts), mode[kind], **options)


def bilinear_at(x, ys, xs):
    """Values between pixels; coordinates are bounded to the picture."""
    h, w = x.shape[-2:]
    ys, xs = np.clip(ys, 0, h - 1), np.clip(xs, 0, w - 1)
    y0, x0 = np.floor(ys).astype(int), np.floor(xs).astype(int)
    y1, x1 = np.minimum(y0 + 1, h - 1), np.minimum(x0 + 1, w - 1)
    fy, fx = (ys - y0)[:, None], xs - x0
    top = x[..., y0, :][..., x0] * (1 - fx) + x[..., y0, :][..., x1] * fx
    bottom = x[..., y1, :][..., x0] * (1 - fx) + x[..., y1, :][..., x1] * fx
    return top * (1 - fy) + bottom * fy


def resize_bilinear(layer, x):
    def places(size, target):
        i = np.arange(target, dtype=np.float64)
        if target == size:
            return i
        method = layer.mode.samplingMethod
        if method in (0, 1):
            # Both ends stay; of one target pixel, strictly the middle, else the first.
            if target == 1:
                return np.full(1, (size - 1) / 2 if method == 0 else 0.0)
            return i * (size - 1) / (target - 1)
        if method == 2:
            return i * size / target
        return (i + 0.5) * size / target - 0.5
    target = list(layer.targetSize)
    return bilinear_at(x, places(x.shape[-2], target[0]), places(x.shape[-1], target[1]))


def upsample(layer, x):
    y, w = list(layer.scalingFactor) or [1, 1]
    if layer.mode == 0:
        return x.repeat(y, axis=-2).repeat(w, axis=-1)
    def places(size, factor):
        i = np.arange(size * factor)
        if layer.linearUpsampleMode == 0:
            return i / factor
        if layer.linearUpsampleMode == 1:
            return i * (size - 1) / (size * factor - 1)
        return (i + 0.5) / factor - 0.5
    return bilinear_at(x, places(x.shape[-2], y), places(x.shape[-1], w))


REDUCED = {0: (-3, -2, -1), 1: (-2, -1), 2: (-3,), 3: (-2,), 4: (-1,)}


def reduce(layer, x):
    axes = REDUCED[layer.axis]
    if layer.mode == 9:
        return x.argmax(axis=axes[0])[(slice(None),) * (5 + axes[0]) + (None,)].astype(np.float64)
    return {0: np.sum, 1: np.mean, 7: np.max, 8: np.min}[layer.mode](x, axis=axes, keepdims=True)


def recurrent_activation(message):
    """Converters leave the numbers of recurrent activations out: a hard sigmoid then is Keras' own."""
    if message.WhichOneof('NonlinearityType') == 'sigmoidHard' and not message.sigmoidHard.ByteSize():
        return lambda x: np.clip(0.2 * x + 0.5, 0, 1)
    return lambda x: activation(message, x)


def lstm(layer, inputs):
    """Gates in the order of the specification; peepholes and clipping are not among the models."""
    p, w = layer.params, layer.weightParams
    n, size = layer.outputVectorSize, layer.inputVectorSize
    if p.hasPeepholeVectors or p.coupledInputAndForgetGate or layer.reverseInput:
        raise NotImplementedError('LSTM options')
    gates = {}
    for gate in ('input', 'forget', 'block', 'output'):
        name = gate + ('Input' if gate == 'block' else 'Gate')
        gates[gate] = (weight(getattr(w, name + 'WeightMatrix'), (n, size)),
                       weight(getattr(w, name + 'RecursionMatrix'), (n, n)),
                       weight(getattr(w, name + 'BiasVector'), (n,)) if p.hasBiasVectors else 0)
    first, second, third = (recurrent_activation(a) for a in layer.activations)
    x = inputs[0].reshape(inputs[0].shape[0], -1)
    h = inputs[1].reshape(-1) if len(inputs) > 1 else np.zeros(n)
    c = inputs[2].reshape(-1) if len(inputs) > 2 else np.zeros(n)
    sequence = []
    for step in x:
        def of(gate):
            return gates[gate][0] @ step + gates[gate][1] @ h + gates[gate][2]
        # forgetBias changes nothing in Core ML (coremltools issue 309), and Keras' biases have its 1.
        forget = of('forget')
        c = first(forget) * c + first(of('input')) * second(of('block'))
        if p.cellClipThreshold:
            c = np.clip(c, -p.cellClipThreshold, p.cellClipThreshold)
        h = first(of('output')) * third(c)
        sequence.append(h)
    out = np.stack(sequence) if p.sequenceOutput else h[None]
    shape = (-1, 1, n, 1, 1)
    return [v.reshape(shape) for v in (out, h, c)]


def inner_product(layer, x):
    w = weight(layer.weights, (layer.outputChannels, layer.inputChannels))
    out = np.einsum('oi,sbi->sbo', w, x.reshape(*x.shape[:2], -1))
    if layer.hasBias:
        out = out + weight(layer.bias, (layer.outputChannels,))
    return out[..., None, None]


def evaluate_layer(kind, p, x, custom):
    a = x[0] if x else None
    if kind in ('convolution', 'pooling', 'batchnorm', 'unary', 'padding', 'upsample', 'reduce', 'activation'):
        return [globals()[kind](p, a)]
    if kind == 'resizeBilinear':
        return [resize_bilinear(p, a)]
    if kind == 'innerProduct':
        return [inner_product(p, a)]
    if kind == 'uniDirectionalLSTM':
        return lstm(p, x)
    if kind == 'add':
        return [sum(x[1:], a) if len(x) > 1 else a + p.alpha]
    if kind == 'multiply':
        return [a * x[1] if len(x) > 1 else a * p.alpha]
    if kind == 'concat':
        return [np.concatenate(x, axis=0 if p.sequenceConcat else 2)]
    if kind == 'softmax':
        e = np.exp(a - a.max(axis=2, keepdims=True))
        return [e / e.sum(axis=2, keepdims=True)]
    if kind == 'flatten':
        order = (0, 1, 2, 3, 4) if p.mode == 0 else (0, 1, 3, 4, 2)
        return [a.transpose(order).reshape(*a.shape[:2], -1, 1, 1)]
    if kind == 'reshape':
        target = list(p.targetShape)
        target = target if len(target) == 4 else [a.shape[0], *target]
        if p.mode != 0:
            raise NotImplementedError('channel-last reshapes')
        return [a[:, 0].reshape(target)[:, None]]
    if kind == 'permute':
        order = [{0: 0, 1: 2, 2: 3, 3: 4}[int(i)] for i in p.axis]
        return [a.transpose(order[0], 1, *order[1:])]
    if kind == 'slice':
        axis = {0: 2, 1: 3, 2: 4}[p.axis]
        end = p.endIndex if p.endIndex >= 0 else a.shape[axis] + 1 + p.endIndex
        return [a[(slice(None),) * axis + (slice(p.startIndex, end, max(1, p.stride)),)]]
    if kind == 'loadConstant':
        return [weight(p.data, list(p.shape))[None, None]]
    if kind == 'custom':
        return [custom[p.className](a)]
    raise NotImplementedError(kind)


def five(array):
    """An array feature as a blob."""
    array = np.asarray(array, np.float64)
    if array.ndim == 1:
        return array[None, None, :, None, None]
    return array[None, None] if array.ndim == 3 else array


def picture(image, network, name):
    """uint8 [H, W] or [H, W, 3] as a blob, preprocessed."""
    x = np.asarray(image, np.float64)
    x = x[None] if x.ndim == 2 else x.transpose(2, 0, 1)
    for p in network.preprocessing:
        if p.featureName not in ('', name):
            continue
        s = p.scaler
        bias = [s.grayBias] if x.shape[0] == 1 else [s.redBias, s.greenBias, s.blueBias]
        x = x * s.channelScale + np.asarray(bias).reshape(-1, 1, 1)
    return x[None, None]


def evaluate(spec, inputs, custom=None, keep=()):
    """Outputs (and blobs of `keep`) as blobs. Pictures are uint8 arrays, others float arrays."""
    network = getattr(spec, spec.WhichOneof('Type'))
    blobs = {}
    for name, value in inputs.items():
        value = np.asarray(value)
        blobs[name] = picture(value, network, name) if value.dtype == np.uint8 else five(value)
    for layer in network.layers:
        kind = layer.WhichOneof('layer')
        x = [blobs[i] for i in layer.input if i in blobs]
        for name, value in zip(layer.output, evaluate_layer(kind, getattr(layer, kind), x, custom or {})):
            blobs[name] = value
    wanted = [o.name for o in spec.description.output if o.name in blobs]
    return {name: blobs[name] for name in [*wanted, *keep]}
