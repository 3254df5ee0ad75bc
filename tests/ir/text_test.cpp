#include "ir/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>

#include "pome/error.h"
#include "support/shared.h"

namespace pome::ir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::unique_ptr<Program> parse(std::string_view text) {
  base::Budget budget;
  return parse_program(text, "test.mil", budget);
}

std::string complaint(std::string_view text) {
  try {
    parse(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

/// A program of one function whose body is `body`.
std::string in_main(std::string_view body, std::string_view outputs = "x",
                    std::string_view opset = "ios15") {
  std::string out = "program(1.0)\n{\n    func main<";
  out += opset;
  out += ">(tensor<fp32, [2]> x) {\n            ";
  out += body;
  out += "\n        } -> (";
  out += outputs;
  out += ");\n}";
  return out;
}

std::string const_of(std::string_view type, std::string_view value) {
  std::string out(type);
  out += " c = const()[name = tensor<string, []>(\"c\"), val = ";
  out += type;
  out += '(';
  out += value;
  out += ")];";
  return out;
}

/// The constant that `type(value)` is parsed to.
ConstantPtr value_of(std::string_view type, std::string_view value) {
  const auto program = parse(in_main(const_of(type, value)));
  const auto& op = *program->functions[0]->body->operations()[0];
  for (const auto& [name, constant] : op.attributes()) {
    if (name == "val") return constant;
  }
  return nullptr;
}

template <typename T>
std::vector<T> elements(const Constant& constant) {
  std::vector<T> out(constant.bytes().size() / sizeof(T));
  if (!out.empty()) std::memcpy(out.data(), constant.bytes().data(), constant.bytes().size());
  return out;
}

/// Printing what was parsed gives the same text.
void expect_unchanged(const std::string& text) {
  EXPECT_EQ(print(*parse(text)), text);
}

// --- what is read ---

TEST(MilText, ReadsHexadecimalAndDecimalNumbers) {
  EXPECT_THAT(elements<float>(*value_of("tensor<fp32, [5]>", "[0x1.8p+1, -0x1p-3, 0.25, 1e3, -2]")),
              ElementsAre(3.0F, -0.125F, 0.25F, 1000.0F, -2.0F));
  EXPECT_THAT(elements<double>(*value_of("tensor<fp64, [1]>", "[0x1.999999999999ap-4]")),
              ElementsAre(0.1));
  // Bit patterns of 0.1, the smallest subnormal and the largest number in binary16.
  EXPECT_THAT(elements<std::uint16_t>(*value_of("tensor<fp16, [3]>", "[0.1, 0x1p-24, 65504]")),
              ElementsAre(0x2E66, 0x0001, 0x7BFF));
  EXPECT_THAT(
      elements<float>(*value_of("tensor<fp32, [2]>", "[0x1p-149, 0x1.fffffep+127]")),
      ElementsAre(std::numeric_limits<float>::denorm_min(), std::numeric_limits<float>::max()));
}

TEST(MilText, HalfPrecisionIsNotRoundedToFloatFirst) {
  // Just above the middle of 1 and the next number of binary16: over float32 it would be taken for
  // the middle and go down to even.
  EXPECT_THAT(elements<std::uint16_t>(*value_of("tensor<fp16, [1]>", "[1.000488281250001]")),
              ElementsAre(0x3C01));
  EXPECT_THAT(elements<std::uint16_t>(*value_of("tensor<fp16, [1]>", "[1.00048828125]")),
              ElementsAre(0x3C00));
}

TEST(MilText, ReadsInfinitiesAndNaNs) {
  EXPECT_THAT(elements<std::uint32_t>(*value_of("tensor<fp32, [4]>", "[inf, -inf, nan, -nan]")),
              ElementsAre(0x7F800000U, 0xFF800000U, 0x7FC00000U, 0xFFC00000U));
  EXPECT_THAT(elements<std::uint16_t>(*value_of("tensor<fp16, [2]>", "[nan(0x7e01), nan]")),
              ElementsAre(0x7E01, 0x7E00));
  EXPECT_THAT(complaint(in_main(const_of("tensor<fp16, []>", "nan(0x17e01)"))),
              HasSubstr("expected the bits of a fp16"));
}

TEST(MilText, PacksElementsBelowAByteFromTheLowBits) {
  EXPECT_THAT(elements<std::uint8_t>(*value_of("tensor<uint4, [3]>", "[1, 2, 15]")),
              ElementsAre(0x21, 0x0F));
  EXPECT_THAT(elements<std::uint8_t>(*value_of("tensor<int4, [2]>", "[-8, 7]")), ElementsAre(0x78));
  EXPECT_THAT(elements<std::uint8_t>(*value_of("tensor<uint3, [3]>", "[7, 0, 5]")),
              ElementsAre(0x47, 0x01));
}

TEST(MilText, ReadsTheEndsOfIntegerTypes) {
  EXPECT_THAT(elements<std::int64_t>(
                  *value_of("tensor<int64, [2]>", "[-9223372036854775808, 9223372036854775807]")),
              ElementsAre(INT64_MIN, INT64_MAX));
  EXPECT_THAT(elements<std::uint64_t>(*value_of("tensor<uint64, [1]>", "[18446744073709551615]")),
              ElementsAre(UINT64_MAX));
  EXPECT_NE(complaint(in_main(const_of("tensor<int8, []>", "128"))), "");
  EXPECT_NE(complaint(in_main(const_of("tensor<uint8, []>", "-1"))), "");
  EXPECT_NE(complaint(in_main(const_of("tensor<uint6, []>", "64"))), "");
}

TEST(MilText, ReadsStringsWithEscapes) {
  EXPECT_THAT(value_of("tensor<string, [2]>", R"(["a\"b\\", "line\n\ttab"])")->strings(),
              ElementsAre("a\"b\\", "line\n\ttab"));
}

TEST(MilText, ReadsNestedRows) {
  const auto constant = value_of("tensor<int32, [2, 3]>", "[[1, 2, 3], [4, 5, 6]]");
  EXPECT_THAT(elements<std::int32_t>(*constant), ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST(MilText, ReadsBothSpellingsOfScalars) {
  const auto program =
      parse(in_main("int32 a = const()[name = string(\"a\"), val = int32(7)];\n"
                    "tensor<int32, []> b = const()[name = tensor<string, []>(\"b\"), val = "
                    "tensor<int32, []>(7)];",
                    "x", "ios18"));
  const auto& operations = program->functions[0]->body->operations();
  EXPECT_EQ(operations[0]->result().type, operations[1]->result().type);
  EXPECT_TRUE(equal(*operations[0]->attribute("val"), *operations[1]->attribute("val")));
}

TEST(MilText, ReadsWeightsInFiles) {
  const auto constant = value_of("tensor<fp16, [512, 64]>",
                                 "BLOBFILE(path = tensor<string, []>(\"@model_path/w.bin\"), "
                                 "offset = tensor<uint64, []>(576))");
  ASSERT_TRUE(constant->is_blob());
  EXPECT_EQ(std::get<BlobReference>(constant->data), (BlobReference{"@model_path/w.bin", 576}));
}

TEST(MilText, ReadsOperationsWithoutResults) {
  const auto program = parse(
      "program(1.3) { func main<ios18>(state<tensor<fp16, [2]>> s, tensor<fp16, [2]> x) {\n"
      "  write_state(data = x, input = s)[name = string(\"w\")];\n"
      "} -> (x); }");
  const auto& op = *program->functions[0]->body->operations()[0];
  EXPECT_EQ(op.type(), "write_state");
  EXPECT_EQ(op.name(), "w");
  EXPECT_EQ(op.result_count(), 0U);
}

TEST(MilText, ReadsSeveralArgumentsAndResults) {
  const auto program =
      parse(in_main("tensor<fp32, [1]> a, tensor<fp32, [1]> b = split(num_splits = "
                    "tensor<int32, []>(2), x = x);\n"
                    "tensor<fp32, [2]> c = concat(values = (b, a), axis = tensor<int32, []>(0));",
                    "c"));
  const auto& operations = program->functions[0]->body->operations();
  ASSERT_EQ(operations[0]->result_count(), 2U);
  const auto& bindings = operations[1]->argument("values")->bindings;
  ASSERT_EQ(bindings.size(), 2U);
  EXPECT_EQ(bindings[0].value, &operations[0]->result(1));
  EXPECT_EQ(operations[0]->name(), "a") << "without a name attribute, the first result's name";
}

TEST(MilText, WordsOfTypesMayBeNamesOfValues) {
  const auto program =
      parse(in_main("tensor<fp32, [2]> fp16 = relu(x = x);\n"
                    "tensor<fp32, [2]> tensor = add(x = fp16, y = tensor<fp32, [2]>([1, 2]));\n"
                    "tensor<fp32, [2]> string = add(x = tensor, y = fp32(0x1p+0));",
                    "string"));
  const auto& operations = program->functions[0]->body->operations();
  EXPECT_EQ(operations[1]->input_value("x"), &operations[0]->result());
  EXPECT_NE(operations[2]->input("y")->literal, nullptr);
}

TEST(MilText, ReadsAttributesOfFlexibleFunctions) {
  // The form in which Apple's compiler writes flexible shapes.
  const auto program = parse(
      "program(1.0)\n{\n func main<ios17>(tensor<fp32, [1, ?]> x) [FlexibleShapeInformation = "
      "tuple<tuple<tensor<string, []>, dict<tensor<string, []>, tensor<int32, [?]>>>, "
      "tuple<tensor<string, []>, dict<tensor<string, []>, list<tensor<int32, [2]>, ?>>>>"
      "(((\"DefaultShapes\", {{\"x\", [1, 1]}}), (\"RangeDims\", {{\"x\", [[1, 1], [1, 512]]}})))] "
      "{\n } -> (x);\n}");
  const auto& attributes = program->functions[0]->attributes;
  ASSERT_EQ(attributes.size(), 1U);
  const auto& pair = std::get<Constant::Items>(attributes[0].second->data)[1];
  const auto& ranges =
      std::get<Constant::Entries>(std::get<Constant::Items>(pair->data)[1]->data)[0].second;
  const auto& rows = std::get<Constant::Items>(ranges->data);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_THAT(elements<std::int32_t>(*rows[1]), ElementsAre(1, 512));
  EXPECT_TRUE(equal(*program, *parse(print(*program))));
}

// --- what is printed ---

TEST(MilText, PrintsOldOpsetsAsRead) {
  expect_unchanged(
      in_main("tensor<fp16, []> c = const()[name = tensor<string, []>(\"c\"), val = tensor<fp16, "
              "[]>(0x1.99cp-4)];\n            tensor<fp32, [?, 2]> d = thing(values = (x, x), y = "
              "x)[name = tensor<string, []>(\"d\")];"));
}

TEST(MilText, PrintsScalarsBareFromIos18On) {
  std::string text = in_main(
      "fp16 c = const()[name = string(\"c\"), val = fp16(-0x1p-1)];\n            tensor<fp16, [4]> "
      "w = const()[name = string(\"w\"), val = tensor<fp16, [4]>(BLOBFILE(path = string(\"a\"), "
      "offset = uint64(64)))];",
      "x", "ios18");
  text.replace(text.find("1.0"), 3, "1.3");
  expect_unchanged(text);
}

TEST(MilText, PrintsFunctionAndProgramAttributes) {
  expect_unchanged(
      "program(1.0)\n[buildInfo = dict<tensor<string, []>, tensor<string, []>>({{\"a\", \"b\"}, "
      "{\"c\", \"\"}})]\n{\n    func main<ios16>(tensor<fp32, [1, ?]> x) [k = tensor<bool, "
      "[]>(true)] {\n        } -> (x);\n}");
}

TEST(MilText, PrintsNestedBlocks) {
  expect_unchanged(in_main(
      "tensor<fp32, [2]> r = while_loop(loop_vars = (x, x))[name = tensor<string, []>(\"r\")] "
      "(tensor<fp32, [2]> i) {\n"
      "                tensor<bool, []> p = check(x = i);\n"
      "            } -> (p), (tensor<fp32, [2]> j) {\n"
      "                tensor<fp32, [2]> q = cond(pred = j) {\n"
      "                } -> (j), {\n"
      "                    tensor<fp32, [2]> n = relu(x = j);\n"
      "                } -> (n);\n"
      "            } -> (q);",
      "r"));
}

TEST(MilText, NamesThatAreNotIdentifiersComeBack) {
  Program program;
  program.functions.push_back(std::make_unique<Function>("fun ction", "an opset"));
  auto& body = *program.functions[0]->body;
  auto& x = body.add_input("1/x:0", Type::scalar(DataType::fp32));
  auto& op = body.append(std::make_unique<Op>("pome.thing", "7 \"up\"\n"));
  op.set_attribute("name", make_string("7 \"up\"\n"));
  op.set_argument("a b", Binding(&x));
  body.set_outputs({&op.add_result("caf\xC3\xA9", Type::scalar(DataType::fp32))});
  EXPECT_TRUE(equal(program, *parse(print(program)))) << print(program);
}

TEST(MilText, EveryElementTypeComesBack) {
  for (const auto* type :
       {"bool",  "string", "fp16",  "fp32",   "fp64",   "bf16",  "fp8e4m3fn", "fp8e5m2",
        "int4",  "int8",   "int16", "int32",  "int64",  "uint1", "uint2",     "uint3",
        "uint4", "uint6",  "uint8", "uint16", "uint32", "uint64"}) {
    const std::string values = type == std::string("bool")     ? "[true, false, true]"
                               : type == std::string("string") ? R"(["a", "", "\\"])"
                                                               : "[1, 0, 1]";
    const std::string tensor = "tensor<" + std::string(type) + ", [3]>";
    const auto program = parse(in_main(const_of(tensor, values)));
    EXPECT_TRUE(equal(*program, *parse(print(*program)))) << print(*program);
  }
}

TEST(MilText, UnusualNaNsComeBackToTheBit) {
  const std::vector<std::uint16_t> patterns{0x7E00, 0xFE00, 0x7C01, 0xFFFF, 0x8000};
  std::vector<std::byte> bytes(patterns.size() * 2);
  std::memcpy(bytes.data(), patterns.data(), bytes.size());
  auto program =
      parse(in_main("tensor<fp16, [5]> c = const()[val = tensor<fp16, [5]>([0, 0, 0, 0, "
                    "0])];"));
  program->functions[0]->body->operations()[0]->set_attribute(
      "val", make_tensor(Type::tensor(DataType::fp16, {5}), bytes));
  EXPECT_TRUE(equal(*program, *parse(print(*program)))) << print(*program);
}

TEST(MilText, EmptyTensorsTakeNoRoomHoweverManyRowsTheyHave) {
  const std::string type = "tensor<fp32, [1000000000000, 0]>";
  const auto program = parse(in_main(const_of(type, "[]")));
  const auto text = print(*program);
  EXPECT_LT(text.size(), 1000U);
  EXPECT_TRUE(equal(*program, *parse(text)));
}

TEST(MilText, ProgramsOfSeveralFunctionsKeepTheirOrder) {
  const auto program = parse(
      "program(1.0) { func b<ios15>(tensor<fp32, []> x) { } -> (x);\n"
      "func a<ios15>(tensor<fp32, []> x) { } -> (x); }");
  ASSERT_EQ(program->functions.size(), 2U);
  EXPECT_EQ(program->functions[0]->name, "b");
  EXPECT_TRUE(equal(*program, *parse(print(*program))));
}

// --- Apple's own texts ---

std::string without_space(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c != ' ' && c != '\n') out += c;
  }
  return out;
}

void expect_as_apple_prints(const char* file) {
  const auto path = test::shared(file);
  if (!path) GTEST_SKIP() << test::shared_absent;
  std::ifstream in(*path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  ASSERT_GT(text.size(), 1000U);
  const auto program = parse(text);
  const auto printed = print(*program);
  EXPECT_TRUE(equal(*program, *parse(printed)));
  EXPECT_EQ(without_space(printed), without_space(text));
  EXPECT_EQ(printed, text);
}

TEST(MilText, PrintsSileroAsAppleDoes) {
  expect_as_apple_prints("models/silero-vad/silero-vad-unified-v6.0.0.mlmodelc/model.mil");
}

TEST(MilText, PrintsCompressedSileroAsAppleDoes) {
  expect_as_apple_prints("models/silero-vad/unified_pruned_int8.mlmodelc/model.mil");
}

// --- what is wrong ---

TEST(MilText, ErrorsNameLineAndColumn) {
  EXPECT_THAT(complaint("program(1.0)\n{\n  fund main"), StartsWith("test.mil:3:3: "));
  EXPECT_THAT(complaint(in_main("tensor<fp99, [2]> y = relu(x = x);")),
              HasSubstr("test.mil:4:20: unknown type 'fp99'"));
}

struct Bad {
  const char* name;
  std::string text;
  const char* message;
};
std::ostream& operator<<(std::ostream& out, const Bad& bad) {
  return out << bad.name;
}

class BadMilText : public testing::TestWithParam<Bad> {};

TEST_P(BadMilText, IsRefusedWithOneSentence) {
  EXPECT_THAT(complaint(GetParam().text), HasSubstr(GetParam().message));
}

std::string repeated(std::string_view part, int n) {
  std::string out;
  for (int i = 0; i < n; ++i) out += part;
  return out;
}

INSTANTIATE_TEST_SUITE_P(
    , BadMilText,
    testing::Values(
        Bad{"Empty", "", "found the end of the text, expected 'program'"},
        Bad{"NotUtf8", "program(1.0) {\xFF}", "is not UTF-8"},
        Bad{"Version", "program(2.0) { }", "program version '2.0' is not known"},
        Bad{"VersionThatBeginsWithOne", "program(17) { }", "'17' is not known"},
        Bad{"NoFunctions", "program(1.0) { }", "has no functions"},
        Bad{"FunctionTwice",
            "program(1.0) { func a<ios15>() { } -> (); func a<ios15>() { } -> (); }",
            "the function 'a' is there twice"},
        Bad{"TextAfterTheEnd", in_main("") + " more", "expected the end of the text"},
        Bad{"StringWithoutEnd", "program(1.0)\n[a = tensor<string, []>(\"abc", "does not end"},
        Bad{"UnknownEscape", in_main(const_of("tensor<string, []>", "\"\\q\"")), "unknown escape"},
        Bad{"UnknownName", in_main("tensor<fp32, [2]> y = relu(x = z);"),
            "'z' is not defined before its use"},
        Bad{"NameTwice", in_main("tensor<fp32, [2]> x = relu(x = x);"), "'x' is given twice"},
        Bad{"ParameterTwice", in_main("tensor<fp32, [2]> y = relu(x = x, x = x);"),
            "the parameter 'x' is given twice"},
        Bad{"AttributeTwice",
            in_main("tensor<fp32, [2]> y = relu(x = x)[a = tensor<bool, []>(true), a = "
                    "tensor<bool, []>(true)];"),
            "the attribute 'a' is given twice"},
        Bad{"OutputUnknown", in_main("", "y"), "'y' is not defined"},
        Bad{"ConstWithoutValue", in_main("tensor<fp32, [2]> y = const();"), "no attribute 'val'"},
        Bad{"ConstOfAnotherType",
            in_main("tensor<fp32, [2]> y = const()[val = tensor<fp32, [3]>([1, 2, 3])];"),
            "declares tensor<fp32, [2]>, its value is tensor<fp32, [3]>"},
        Bad{"TooFewElements", in_main(const_of("tensor<int32, [3]>", "[1, 2]")),
            "is written with shape [2]"},
        Bad{"RaggedRows", in_main(const_of("tensor<int32, [2, 2]>", "[[1, 2], [3]]")),
            "different lengths"},
        Bad{"WrongKindOfElement", in_main(const_of("tensor<int32, []>", "\"a\"")),
            "expected a value of int32"},
        Bad{"NumberWithRest", in_main(const_of("tensor<fp32, []>", "1.5x")), "expected a number"},
        Bad{"NumberOutOfRange", in_main(const_of("tensor<fp32, []>", "1e99")), "out of range"},
        Bad{"NegativeDimension", in_main("tensor<fp32, [-1]> y = relu(x = x);"),
            "expected a dimension"},
        Bad{"HugeDimension", in_main("tensor<fp32, [99999999999999999999]> y = relu(x = x);"),
            "expected a dimension"},
        Bad{"TooManyDimensions",
            in_main("tensor<fp32, [1" + repeated(", 1", 64) + "]> y = relu(x = x);"),
            "more than 64 dimensions"},
        Bad{"DeepType", in_main(repeated("tuple<", 100000)), "nested too deep"},
        Bad{"DeepBlocks", in_main(repeated("tensor<bool, []> a = cond() {", 100000)),
            "nested too deep"},
        Bad{"BlobOfUnknownSize",
            in_main(const_of("tensor<fp16, [?]>",
                             "BLOBFILE(path = tensor<string, []>(\"a\"), offset = tensor<uint64, "
                             "[]>(64))")),
            "a tensor of known size"},
        Bad{"BlobOffsetOfAnotherType",
            in_main(const_of("tensor<fp16, [1]>",
                             "BLOBFILE(path = tensor<string, []>(\"a\"), offset = tensor<int32, "
                             "[]>(64))")),
            "offset is a uint64"},
        Bad{"ListOfAnotherLength",
            in_main("list<tensor<int32, []>, 3> y = make(a = list<tensor<int32, []>, 3>([1]));"),
            "is written with 1 elements"}),
    [](const auto& test) { return test.param.name; });

TEST(MilText, EveryPrefixIsRefused) {
  const std::string whole =
      "program(1.3)\n[buildInfo = dict<string, string>({{\"a\", \"b\"}})]\n{\n"
      "    func main<ios18>(tensor<fp16, [1, ?]> x, state<tensor<fp16, [2]>> s) {\n"
      "        fp16 c = const()[name = string(\"c\"), val = fp16(-0x1p+1)];\n"
      "        tensor<fp16, [2]> w = const()[val = tensor<fp16, [2]>(BLOBFILE(path = "
      "string(\"@model_path/w.bin\"), offset = uint64(64)))];\n"
      "        tensor<fp16, [1, ?]> y = cond(pred = bool(true), values = (x, x))[name = "
      "string(\"y\")] {\n            write_state(data = w, input = s); } -> (x), (int32 i) {\n"
      "        } -> (x);\n"
      "        list<tensor<int32, [2]>, ?> l = make(v = list<tensor<int32, [2]>, ?>([[1, 2]]));\n"
      "    } -> (y);\n}";
  ASSERT_EQ(complaint(whole), "");
  for (std::size_t n = 0; n < whole.size(); ++n) {
    EXPECT_NE(complaint(std::string_view(whole).substr(0, n)), "") << whole.substr(0, n);
  }
}

TEST(MilText, EveryChangedByteIsRefusedOrRead) {
  const std::string whole = in_main(
      "tensor<fp16, [1, 2]> c = const()[name = tensor<string, []>(\"c\"), val = "
      "tensor<fp16, [1, 2]>([[0x1p+0, inf]])];");
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const char c : {'"', '(', ']', '<', '0', '-', 'x', ' ', '\\', '\0'}) {
      std::string changed = whole;
      changed[i] = c;
      complaint(changed);  // an Error or none, never anything else
    }
  }
}

TEST(MilText, MemoryIsBookedBeforeItIsTaken) {
  const std::string text =
      in_main(const_of("tensor<fp64, [?]>", "[0" + repeated(",0", 200000) + "]"));
  base::Budget small(100000);
  EXPECT_THROW(parse_program(text, "test.mil", small), Error);
  base::Budget enough(10000000);
  EXPECT_NO_THROW(parse_program(text, "test.mil", enough));
}

}  // namespace
}  // namespace pome::ir
