"""coremltools predicts: programs of a few operations, against what numpy computes."""

import gc
import os
import shutil
import tempfile
import threading
import unittest

import support

FOLDER = support.use_drop_in()

import coremltools as ct  # noqa: E402
import numpy as np  # noqa: E402
from coremltools.converters.mil import Builder as mb  # noqa: E402
from coremltools.converters.mil.mil import types  # noqa: E402


def convert(program, **options):
    options.setdefault("compute_precision", ct.precision.FLOAT32)
    return ct.convert(program, convert_to="mlprogram", **options)


def adder():
    @mb.program(input_specs=[mb.TensorSpec((2, 3)), mb.TensorSpec((2, 3))])
    def program(x, y):
        return mb.add(x=mb.sub(x=x, y=y), y=np.float32(0.5), name="out")

    return convert(program)


def stateful():
    @mb.program(
        input_specs=[mb.TensorSpec((1,), dtype=types.fp16), mb.StateTensorSpec((1,), dtype=types.fp16)],
        opset_version=ct.target.iOS18,
    )
    def program(x, total):
        new = mb.add(x=mb.read_state(input=total), y=x)
        mb.coreml_update_state(state=total, value=new)
        return mb.identity(x=new, name="sum")

    return convert(program, minimum_deployment_target=ct.target.iOS18)


X = np.arange(6, dtype=np.float32).reshape(2, 3)
Y = np.full((2, 3), 2, np.float32)


class Predict(unittest.TestCase):
    def test_values(self):
        out = adder().predict({"x": X, "y": Y})["out"]
        self.assertEqual(out.dtype, np.float32)
        np.testing.assert_array_equal(out, X - Y + 0.5)

    def test_strides_and_element_types(self):
        model = adder()
        wide = np.asfortranarray(X.astype(np.float64))
        np.testing.assert_array_equal(
            model.predict({"x": wide, "y": Y.astype(np.int32)})["out"], X - Y + 0.5
        )

    def test_result_outlives_the_model(self):
        model = adder()
        out = model.predict({"x": X, "y": Y})["out"]
        del model
        gc.collect()
        out[0, 0] += 1  # its own memory, and writable
        np.testing.assert_array_equal(out[1], (X - Y + 0.5)[1])

    def test_batch_keeps_the_order(self):
        results = adder().predict([{"x": X + i, "y": Y} for i in range(5)])
        for i, result in enumerate(results):
            np.testing.assert_array_equal(result["out"], X + i - Y + 0.5)

    def test_threads(self):
        model = adder()
        wrong = []

        def work(i):
            for _ in range(50):
                if not np.array_equal(model.predict({"x": X + i, "y": Y})["out"], X + i - Y + 0.5):
                    wrong.append(i)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])


class States(unittest.TestCase):
    def test_two_states_of_one_model(self):
        model = stateful()
        one, two = model.make_state(), model.make_state()
        name = model.get_spec().description.state[0].name
        x = {"x": np.array([1.5], np.float32)}
        self.assertEqual(model.predict(x, one)["sum"][0], 1.5)
        self.assertEqual(model.predict(x, one)["sum"][0], 3.0)
        self.assertEqual(model.predict(x, two)["sum"][0], 1.5)
        two.write_state(name, np.array([10], np.float32))
        self.assertEqual(model.predict(x, two)["sum"][0], 11.5)
        self.assertEqual(two.read_state(name).dtype, np.float32)
        self.assertEqual(one.read_state(name)[0], 3.0)

    def test_errors(self):
        model = stateful()
        state = model.make_state()
        name = model.get_spec().description.state[0].name
        with self.assertRaises(RuntimeError):
            state.read_state("absent")
        with self.assertRaisesRegex(RuntimeError, "only multi-array value is supported"):
            state.write_state(name, 1)
        with self.assertRaises(RuntimeError):
            model.predict({"x": np.array([1], np.float32)})


class Compiled(unittest.TestCase):
    def test_copy_of_the_compiled_model_predicts_when_the_first_is_gone(self):
        model = adder()
        with tempfile.TemporaryDirectory() as folder:
            copy = os.path.join(folder, "copy.mlmodelc")
            original = model.get_compiled_model_path()
            shutil.copytree(original, copy)
            del model
            gc.collect()
            self.assertFalse(os.path.exists(original))
            out = ct.models.CompiledMLModel(copy).predict({"x": X, "y": Y})["out"]
            np.testing.assert_array_equal(out, X - Y + 0.5)
            with self.assertRaises(RuntimeError):
                ct.models.CompiledMLModel(copy, function_name="absent")

    def test_compile_model_of_a_classical_model(self):
        spec = ct.proto.Model_pb2.Model()
        spec.specificationVersion = 1
        for features, name in ((spec.description.input, "x"), (spec.description.output, "y")):
            feature = features.add()
            feature.name = name
            feature.type.doubleType.MergeFromString(b"")
        spec.description.predictedFeatureName = "y"
        spec.glmRegressor.offset.append(0.1)
        spec.glmRegressor.weights.add().value.append(2.0)
        path = ct.models.utils.compile_model(spec)
        try:
            y = ct.models.CompiledMLModel(path).predict({"x": 2})["y"]
            self.assertAlmostEqual(y, 4.1, places=12)
        finally:
            shutil.rmtree(os.path.dirname(path))

    def test_structure_and_plan(self):
        from coremltools.models.compute_device import MLCPUComputeDevice, MLComputeDevice
        from coremltools.models.compute_plan import MLComputePlan

        model = adder()
        plan = MLComputePlan.load_from_path(
            model.get_compiled_model_path(), ct.ComputeUnit.CPU_ONLY
        )
        main = plan.model_structure.program.functions["main"]
        self.assertEqual([value.name for value in main.inputs], ["x", "y"])
        kinds = {operation.operator_name for operation in main.block.operations}
        self.assertEqual(kinds, {"const", "sub", "add"})
        weights = 0
        for operation in main.block.operations:
            usage = plan.get_compute_device_usage_for_mlprogram_operation(operation)
            if operation.operator_name == "const":
                self.assertIsNone(usage)
                continue
            self.assertIsInstance(usage.preferred_compute_device, MLCPUComputeDevice)
            weights += plan.get_estimated_cost_for_mlprogram_operation(operation).weight
        self.assertAlmostEqual(weights, 1)
        self.assertEqual(len(MLComputeDevice.get_all_compute_devices()), 1)


class Mistakes(unittest.TestCase):
    """Each is an exception with a sentence, and the process lives on."""

    def test_values(self):
        model = adder()
        for wrong in (None, object(), [1.0], np.zeros((2, 4)), np.zeros((2, 3), complex), np.float32(1), ""):
            with self.assertRaises(Exception, msg=repr(wrong)):
                model.__proxy__.predict({"x": wrong, "y": Y}, None)
        with self.assertRaises(RuntimeError):
            model.__proxy__.predict({"x": X}, None)
        with self.assertRaises(TypeError):
            model.__proxy__.predict(3, None)
        with self.assertRaises(Exception):
            model.__proxy__.predict({"x": X, "y": Y}, 7)
        np.testing.assert_array_equal(model.predict({"x": X, "y": Y})["out"], X - Y + 0.5)

    def test_files(self):
        from coremltools.libcoremlpython import _MLModelProxy

        with tempfile.TemporaryDirectory() as folder:
            damaged = os.path.join(folder, "damaged.mlmodel")
            with open(damaged, "wb") as file:
                file.write(b"\x08\x01\xff\xff\xff")
            for path in (damaged, os.path.join(folder, "absent.mlmodel"), folder):
                with self.assertRaisesRegex(RuntimeError, "Error compiling model"):
                    _MLModelProxy(path, "ALL", "", {}, None)


if __name__ == "__main__":
    support.main()
