#!/usr/bin/env python3
"""Makes specs.inc: specifications serialised by the protobuf that coremltools uses.

Usage: make_specs.py > specs.inc   (needs coremltools)
"""
import struct

from coremltools.proto import FeatureTypes_pb2 as ft
from coremltools.proto import MIL_pb2, Model_pb2


def emit(name, message):
    data = message
    if not isinstance(message, bytes):
        data = message.SerializeToString(deterministic=True)
    body = ", ".join(f"{b}" for b in data)
    print(f"inline constexpr unsigned char {name}[] = {{{body}}};")


def feature(where, name, **kinds):
    out = where.add(name=name, shortDescription=f"about {name}")
    for kind, value in kinds.items():
        getattr(out.type, kind).CopyFrom(value)
    return out


def every_feature():
    model = Model_pb2.Model(specificationVersion=8, isUpdatable=True)
    model.identity.SetInParent()
    d = model.description
    d.metadata.shortDescription = "all there is"
    d.metadata.versionString = "1.2"
    d.metadata.author = "Ada"
    d.metadata.license = "Apache-2.0"
    d.metadata.userDefined["source"] = "a test"
    d.metadata.userDefined["empty"] = ""
    d.predictedFeatureName = "label"
    d.predictedProbabilitiesName = "probabilities"

    array = ft.ArrayFeatureType
    feature(d.input, "fixed", multiArrayType=array(shape=[1, 3, 5], dataType=array.FLOAT16))
    listed = array(dataType=array.FLOAT32)
    listed.enumeratedShapes.shapes.add(shape=[1, 4])
    listed.enumeratedShapes.shapes.add(shape=[2, 300])
    feature(d.input, "listed", multiArrayType=listed)
    ranged = array(shape=[2, 7], dataType=array.INT32)
    ranged.shapeRange.sizeRanges.add(lowerBound=1, upperBound=5)
    ranged.shapeRange.sizeRanges.add(lowerBound=3, upperBound=-1)
    feature(d.input, "ranged", multiArrayType=ranged)
    free = array(dataType=array.DOUBLE)
    feature(d.input, "free", multiArrayType=free)
    optional = array(shape=[2], dataType=array.FLOAT32, floatDefaultValue=0.25)
    feature(d.input, "optional", multiArrayType=optional).type.isOptional = True
    feature(d.input, "count", int64Type=ft.Int64FeatureType())
    feature(d.input, "amount", doubleType=ft.DoubleFeatureType())
    feature(d.input, "word", stringType=ft.StringFeatureType())

    image = ft.ImageFeatureType
    feature(d.input, "photo", imageType=image(width=8, height=6, colorSpace=image.BGR))
    sizes = image(colorSpace=image.GRAYSCALE)
    sizes.enumeratedSizes.sizes.add(width=10, height=20)
    sizes.enumeratedSizes.sizes.add(width=30, height=40)
    feature(d.input, "sizes", imageType=sizes)
    between = image(width=9, height=9, colorSpace=image.GRAYSCALE_FLOAT16)
    between.imageSizeRange.widthRange.lowerBound = 4
    between.imageSizeRange.widthRange.upperBound = 16
    between.imageSizeRange.heightRange.lowerBound = 2
    between.imageSizeRange.heightRange.upperBound = -1
    feature(d.input, "between", imageType=between)

    bag = ft.DictionaryFeatureType()
    bag.stringKeyType.SetInParent()
    feature(d.output, "probabilities", dictionaryType=bag)
    feature(d.output, "label", stringType=ft.StringFeatureType())
    tokens = ft.SequenceFeatureType()
    tokens.int64Type.SetInParent()
    tokens.sizeRange.lowerBound = 1
    tokens.sizeRange.upperBound = 77
    feature(d.output, "tokens", sequenceType=tokens)
    state = ft.StateFeatureType(arrayType=array(shape=[4, 2], dataType=array.FLOAT16))
    feature(d.state, "cache", stateType=state)
    return model


def functions():
    model = Model_pb2.Model(specificationVersion=9)
    model.mlProgram.version = 1
    d = model.description
    d.defaultFunctionName = "extend"
    for name in ("prompt", "extend"):
        function = d.functions.add(name=name)
        number = ft.FeatureType(int64Type=ft.Int64FeatureType())
        function.input.add(name=f"{name}_in", type=number)
        function.output.add(name=f"{name}_out", type=number)
    return model


def pipeline():
    model = Model_pb2.Model(specificationVersion=4)
    inner = model.pipelineClassifier.pipeline
    inner.models.add(specificationVersion=4).identity.SetInParent()
    tree = inner.models.add(specificationVersion=4).treeEnsembleClassifier
    tree.int64ClassLabels.vector.extend([-1, 5, 300])
    inner.models.add(specificationVersion=4).identity.SetInParent()
    return model


def network():
    model = Model_pb2.Model(specificationVersion=1)
    model.neuralNetworkClassifier.layers.add(name="none")
    model.neuralNetworkClassifier.stringClassLabels.vector.extend(["cat", "dog"])
    return model


FLOAT16, FLOAT32, FLOAT64, STRING = (MIL_pb2.FLOAT16, MIL_pb2.FLOAT32, MIL_pb2.FLOAT64,
                                     MIL_pb2.STRING)


def tensor_type(out, dtype, dims):
    out.tensorType.dataType = dtype
    out.tensorType.rank = len(dims)
    for size in dims:
        out.tensorType.dimensions.add().constant.size = size


def set_text(value, text):
    value.type.tensorType.dataType = STRING
    value.immediateValue.tensor.strings.values.append(text)


def add_operation(block, kind, result, dtype, dims, **inputs):
    op = block.operations.add(type=kind)
    for key, name in inputs.items():
        op.inputs[key].arguments.add(name=name)
    tensor_type(op.outputs.add(name=result).type, dtype, dims)
    set_text(op.attributes["name"], f"{result}_op")
    return op


def add_function(program, name):
    function = program.functions[name]
    function.opset = "CoreML6"
    tensor_type(function.inputs.add(name="x").type, FLOAT32, [3])
    return function.block_specializations["CoreML6"]


def describe_array(features, name):
    array = ft.ArrayFeatureType
    features.add(name=name).type.multiArrayType.CopyFrom(array(shape=[3], dataType=array.FLOAT32))


def classifier_program():
    """relu, then classify, as coremltools' converter writes a classifier."""
    model = Model_pb2.Model(specificationVersion=7)
    d = model.description
    d.predictedFeatureName = "classLabel"
    d.predictedProbabilitiesName = "classLabel_probs"
    describe_array(d.input, "x")
    d.output.add(name="classLabel").type.stringType.SetInParent()
    d.output.add(name="classLabel_probs").type.dictionaryType.stringKeyType.SetInParent()
    model.mlProgram.version = 1
    block = add_function(model.mlProgram, "main")
    add_operation(block, "relu", "probs", FLOAT32, [3], x="x")
    op = block.operations.add(type="classify")
    op.inputs["probabilities"].arguments.add(name="probs")
    classes = op.inputs["classes"].arguments.add().value
    classes.type.listType.type.tensorType.dataType = STRING
    classes.type.listType.length.constant.size = 3
    for text in ("cat", "dog", "cup"):
        set_text(classes.immediateValue.list.values.add(), text)
    op.outputs.add(name="classLabel").type.tensorType.dataType = STRING
    scores = op.outputs.add(name="classLabel_probs").type.dictionaryType
    scores.keyType.tensorType.dataType = STRING
    scores.valueType.tensorType.dataType = FLOAT64
    set_text(op.attributes["name"], "classify_0")
    block.outputs.extend(["classLabel", "classLabel_probs"])
    return model


def two_functions():
    model = Model_pb2.Model(specificationVersion=9)
    model.description.defaultFunctionName = "usual"
    model.mlProgram.version = 1
    for name, kind in (("usual", "relu"), ("absolute", "abs")):
        function = model.description.functions.add(name=name)
        describe_array(function.input, "x")
        describe_array(function.output, "y")
        block = add_function(model.mlProgram, name)
        add_operation(block, kind, "y", FLOAT32, [3], x="x")
        block.outputs.append("y")
    return model


def picture_program():
    """Pictures of 3 x 2 pixels in every colour space, given back as arrays and as pictures."""
    model = Model_pb2.Model(specificationVersion=7)
    model.mlProgram.version = 1
    function = model.mlProgram.functions["main"]
    function.opset = "CoreML6"
    block = function.block_specializations["CoreML6"]
    image, array = ft.ImageFeatureType, ft.ArrayFeatureType
    for name, space, channels, dtype, declared in (
            ("rgb", image.RGB, 3, FLOAT32, array.FLOAT32),
            ("bgr", image.BGR, 3, FLOAT32, array.FLOAT32),
            ("gray", image.GRAYSCALE, 1, FLOAT32, array.FLOAT32),
            ("half", image.GRAYSCALE_FLOAT16, 1, FLOAT16, array.FLOAT16)):
        shape = [1, channels, 2, 3]
        picture = image(width=3, height=2, colorSpace=space)
        planes = array(shape=shape, dataType=declared)
        feature(model.description.input, name, imageType=picture)
        feature(model.description.output, f"{name}_planes", multiArrayType=planes)
        feature(model.description.output, f"{name}_picture", imageType=picture)
        tensor_type(function.inputs.add(name=name).type, dtype, shape)
        for result in (f"{name}_planes", f"{name}_picture"):
            add_operation(block, "identity", result, dtype, shape, x=name)
            block.outputs.append(result)
    return model


WEIGHTS = struct.pack("<6f", 10, 20, 30, 40, 50, 60)


def adder_program():
    """y = x + w of 2 x 3 numbers; w lies in a weight file."""
    model = Model_pb2.Model(specificationVersion=7)
    model.mlProgram.version = 1
    function = model.mlProgram.functions["main"]
    function.opset = "CoreML6"
    block = function.block_specializations["CoreML6"]
    planes = ft.ArrayFeatureType(shape=[2, 3], dataType=ft.ArrayFeatureType.FLOAT32)
    feature(model.description.input, "x", multiArrayType=planes)
    feature(model.description.output, "y", multiArrayType=planes)
    tensor_type(function.inputs.add(name="x").type, FLOAT32, [2, 3])
    const = add_operation(block, "const", "w", FLOAT32, [2, 3])
    value = const.attributes["val"]
    tensor_type(value.type, FLOAT32, [2, 3])
    value.blobFileValue.fileName = "@model_path/weights/weight.bin"
    value.blobFileValue.offset = 64
    add_operation(block, "add", "y", FLOAT32, [2, 3], x="x", y="w")
    block.outputs.append("y")
    return model


def adder_weights():
    """A weight file: its header, one record about the blob, the blob (each at a multiple of 64)."""
    header = struct.pack("<II56x", 1, 2)
    record = struct.pack("<IIQQQ32x", 0xDEADBEEF, 2, len(WEIGHTS), 128, 0)
    return header + record + WEIGHTS


print("// Made by make_specs.py; not edited by hand.")
print("// clang-format off")
emit("every_feature_spec", every_feature())
emit("functions_spec", functions())
emit("pipeline_spec", pipeline())
emit("network_spec", network())
emit("classifier_program_spec", classifier_program())
emit("two_functions_spec", two_functions())
emit("picture_program_spec", picture_program())
emit("adder_program_spec", adder_program())
emit("adder_weights", adder_weights())
print("// clang-format on")
