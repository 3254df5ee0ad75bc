// Bad input, as a table: what is broken, what is typed, and the sentence that must come.
//
// Every case starts from the same small models (fixtures.h), in a folder of its own:
//   p.mlpackage (y = x + w), c.mlmodelc (the same compiled), i.mlpackage (a picture), n.mlmodel (a
//   neural network), and the files that the case writes.
// Expected each time: the exit code, nothing on standard output, exactly one line on standard error
// that begins with "pome: " and has the phrases, and not a byte changed in the folder.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <sstream>

#include "fixtures.h"
#include "temporary_folder.h"

namespace pome::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// One change of the folder before the run.
struct Edit {
  enum class Kind { none, remove, truncate, replace, write, patch, make_folder };
  Kind kind = Kind::none;
  std::string path;
  std::string text;         ///< replace: what is there; write: the content; patch: the bytes
  std::string replacement;  ///< replace: what comes there
  std::size_t at = 0;       ///< truncate: the new size; patch: where
};

Edit remove(std::string path) {
  return {Edit::Kind::remove, std::move(path), {}, {}, 0};
}
Edit truncate(std::string path, std::size_t size) {
  return {Edit::Kind::truncate, std::move(path), {}, {}, size};
}
Edit replace(std::string path, std::string text, std::string replacement) {
  return {Edit::Kind::replace, std::move(path), std::move(text), std::move(replacement), 0};
}
Edit write(std::string path, std::string text) {
  return {Edit::Kind::write, std::move(path), std::move(text), {}, 0};
}
Edit patch(std::string path, std::size_t at, std::string bytes) {
  return {Edit::Kind::patch, std::move(path), std::move(bytes), {}, at};
}
Edit make_folder(std::string path) {
  return {Edit::Kind::make_folder, std::move(path), {}, {}, 0};
}

struct BadInput {
  std::string name;
  Edit edit;
  std::string line;  ///< what is typed after "pome", words apart by spaces, ~ for a space in a word
  int exit_code = 0;
  std::vector<std::string> phrases;
};

// For gtest's messages.
std::ostream& operator<<(std::ostream& out, const BadInput& bad) {
  return out << bad.name << ": pome " << bad.line;
}

const std::string spec = "p.mlpackage/Data/com.apple.CoreML/model.mlmodel";
const std::string blobs = "p.mlpackage/Data/com.apple.CoreML/weights/weight.bin";
const std::string manifest = "p.mlpackage/Manifest.json";
const std::string mil = "c.mlmodelc/model.mil";

constexpr int usage = 2;
constexpr int bad = 3;
constexpr int unsupported = 4;
constexpr int cannot_write = 6;

// An .npy of version 1 with this header and content.
std::string npy(const std::string& header, const std::string& content) {
  std::string out = "\x93NUMPY";
  out += std::string("\x01\x00", 2);
  out.push_back(static_cast<char>(header.size() & 0xff));
  out.push_back(static_cast<char>(header.size() >> 8));
  return out + header + content;
}

std::string npy_header(const std::string& type, const std::string& shape) {
  return "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }\n";
}

std::vector<BadInput> command_line_cases() {
  return {
      {"UnknownCommand",
       {},
       "inof p.mlpackage",
       usage,
       {"no command 'inof'", "did you mean 'info'"}},
      {"UnknownCommandWithoutANearOne", {}, "xyzzyx", usage, {"no command 'xyzzyx'", "pome help"}},
      {"UnknownOption",
       {},
       "info p.mlpackage --jsn",
       usage,
       {"'pome info'", "'--jsn'", "'--json'"}},
      {"UnknownGlobalOption", {}, "--verson", usage, {"'--verson'", "did you mean '--version'"}},
      {"MissingModel", {}, "info", usage, {"'pome info'", "MODEL is required"}},
      {"MistypedOptionWithoutModel", {}, "info --jsn", usage, {"'--jsn'", "'--json'"}},
      {"TwoModels", {}, "info p.mlpackage n.mlmodel", usage, {"'pome info'", "'n.mlmodel'"}},
      {"MissingOutput",
       {},
       "compile p.mlpackage",
       usage,
       {"'pome compile'", "--output is required"}},
      {"OutputOfAnotherKind", {}, "compile p.mlpackage -o out", usage, {"*.mlmodelc", "'out'"}},
      {"OptionWithoutValue",
       {},
       "predict p.mlpackage --random --top",
       usage,
       {"--top needs a value"}},
      {"TopOfNoNumber",
       {},
       "predict p.mlpackage --random --top x",
       usage,
       {"--top", "'x'", "whole number from 1"}},
      {"TopOfZero",
       {},
       "predict p.mlpackage --random --top 0",
       usage,
       {"--top", "'0'", "whole number from 1"}},
      {"RepeatOfZero",
       {},
       "predict p.mlpackage --random --repeat 0",
       usage,
       {"--repeat", "'0'", "whole number from 1"}},
      {"NegativeTolerance",
       {},
       "predict p.mlpackage --random --rtol -1",
       usage,
       {"--rtol", "'-1'", "not negative"}},
      {"SeedOfNoNumber",
       {},
       "predict p.mlpackage --random --seed lucky",
       usage,
       {"--seed", "'lucky'"}},
      {"UnknownComputeUnits",
       {},
       "predict p.mlpackage --compute-units tpu",
       usage,
       {"--compute-units", "'tpu'", "'cpuOnly'"}},
      {"UnknownNumerics",
       {},
       "predict p.mlpackage --numerics loose",
       usage,
       {"--numerics", "'loose'", "'as-declared'"}},
      {"UnknownImageMode",
       {},
       "predict i.mlpackage --fit zoom",
       usage,
       {"--fit", "'zoom'", "'center-crop'"}},
      {"UnknownColour",
       {},
       "info p.mlpackage --color blue",
       usage,
       {"--color", "'blue'", "'never'"}},
      {"UnknownShell", {}, "completion tcsh", usage, {"SHELL", "'tcsh'", "'zsh'"}},
      {"UnknownHelpTopic", {}, "help frobnicate", usage, {"no help on 'frobnicate'"}},
      {"OutputFileOfAnotherKind",
       {},
       "predict p.mlpackage --random -o out.csv",
       usage,
       {".npz", "'out.csv'"}},
  };
}

std::vector<BadInput> file_cases() {
  return {
      {"MissingFile", {}, "info no.mlmodel", bad, {"'no.mlmodel' does not exist"}},
      {"MissingFileForPredict",
       {},
       "predict no.mlpackage --random",
       bad,
       {"'no.mlpackage' does not exist"}},
      {"EmptyFile", write("e.mlmodel", ""), "info e.mlmodel", bad, {"'e.mlmodel' is empty"}},
      {"EmptyFolder", make_folder("e.mlpackage"), "info e.mlpackage", bad, {"empty folder"}},
      {"FileOfText",
       write("t.mlmodel", "hello world"),
       "info t.mlmodel",
       bad,
       {"'t.mlmodel'", "no Core ML model"}},
      {"ZipArchive",
       write("z.mlmodel", "PK\x03\x04junk"),
       "info z.mlmodel",
       bad,
       {"zip archive", "unpack"}},
      {"LfsPointer",
       write("l.mlmodel", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"),
       "info l.mlmodel",
       bad,
       {"'l.mlmodel'", "Git LFS"}},
      {"FolderOfOtherThings", write("o/readme.txt", "hi"), "info o", bad, {"'o'", "Manifest.json"}},
      {"UnknownModelType",
       write("u.mlmodel", std::string("\x08\x01\xf2\xf4\x03\x00", 6)),
       "predict u.mlmodel --random",
       bad,
       {"'u.mlmodel'", "known type"}},
      {"SpecificationCutShort",
       truncate(spec, 40),
       "info p.mlpackage",
       bad,
       {"'p.mlpackage'", "damaged", "bytes end"}},
      {"SpecificationCutInTheMiddle",
       truncate(spec, 200),
       "predict p.mlpackage --random",
       bad,
       {"'p.mlpackage'", "damaged", "bytes end early"}},
      {"SpecificationOfTwoBytes",
       truncate(spec, 1),
       "info p.mlpackage",
       bad,
       {"'p.mlpackage'", "damaged", "bytes end"}},
      {"SpecificationOfNoise",
       patch(spec, 0, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
       "info p.mlpackage",
       bad,
       {"p.mlpackage", "no Core ML model"}},
      {"SpecificationWithATooLongField",
       patch(spec, 2, "\x12\xff\xff\xff\x7f"),
       "info p.mlpackage",
       bad,
       {"'p.mlpackage'", "damaged", "bytes end early"}},
      {"SpecificationIsAFolder",
       make_folder("f.mlmodel/inner"),
       "info f.mlmodel",
       bad,
       {"'f.mlmodel'", "no Core ML model"}},
      {"SpecificationEmpty",
       truncate(spec, 0),
       "info p.mlpackage",
       bad,
       {"model.mlmodel", "is empty"}},
      {"SpecificationMissing", remove(spec), "info p.mlpackage", bad, {"model.mlmodel"}},
      {"ManifestMissing",
       remove(manifest),
       "info p.mlpackage",
       bad,
       {"'p.mlpackage'", "Manifest.json"}},
      {"ManifestEmpty",
       truncate(manifest, 0),
       "info p.mlpackage",
       bad,
       {"Manifest.json", "is empty"}},
      {"ManifestCutShort",
       truncate(manifest, 60),
       "info p.mlpackage",
       bad,
       {"Manifest.json", "after 60 bytes"}},
      {"ManifestNewer",
       replace(manifest, "1.0.0", "7.0.0"),
       "info p.mlpackage",
       bad,
       {"Manifest.json", "7.0.0"}},
      {"ManifestLeavesThePackage",
       replace(manifest, "com.apple.CoreML/model.mlmodel", "../../../../etc/passwd"),
       "info p.mlpackage",
       bad,
       {"Manifest.json", "etc/passwd"}},
      {"ManifestOfAList", write(manifest, "[1, 2]"), "info p.mlpackage", bad, {"Manifest.json"}},
      {"ManifestNamesAnAbsolutePath",
       replace(manifest, "com.apple.CoreML/model.mlmodel", "/etc/passwd"),
       "info p.mlpackage",
       bad,
       {"Manifest.json", "etc/passwd"}},
      {"ManifestNestedDeeply",
       write(manifest, std::string(100000, '[')),
       "info p.mlpackage",
       bad,
       {"Manifest.json"}},
      {"ManifestWithoutRoot",
       replace(manifest, "rootModelIdentifier", "rootModelIdentifiez"),
       "info p.mlpackage",
       bad,
       {"Manifest.json", "rootModelIdentifier"}},
      {"WeightsMissing",
       remove(blobs),
       "predict p.mlpackage --random",
       bad,
       {"weight.bin", "No such file"}},
      {"WeightsEmpty",
       truncate(blobs, 0),
       "predict p.mlpackage --random",
       bad,
       {"weight.bin", "0 bytes"}},
      {"WeightsCutInTheHeader",
       truncate(blobs, 30),
       "predict p.mlpackage --random",
       bad,
       {"weight.bin", "30 bytes"}},
      {"WeightsCutInARecord",
       truncate(blobs, 100),
       "predict p.mlpackage --random",
       bad,
       {"weight.bin", "100 bytes"}},
      {"WeightsCutInTheBytes",
       truncate(blobs, 132),
       "predict p.mlpackage --random",
       bad,
       {"weight.bin", "132 bytes"}},
      {"WeightsWithoutSentinel",
       patch(blobs, 64, "oops"),
       "predict p.mlpackage --random",
       bad,
       {"weight.bin", "0xDEADBEEF"}},
      {"WeightsOfAnotherType",
       patch(blobs, 68, "\x03"),
       "predict p.mlpackage --random",
       bad,
       {"weight.bin", "uint8", "fp32"}},
      {"CompiledHeadMissing",
       remove("c.mlmodelc/coremldata.bin"),
       "info c.mlmodelc",
       bad,
       {"'c.mlmodelc'", "coremldata.bin"}},
      {"CompiledHeadCutShort",
       truncate("c.mlmodelc/coremldata.bin", 20),
       "info c.mlmodelc",
       bad,
       {"coremldata.bin"}},
      {"CompiledTextMissing", remove(mil), "info c.mlmodelc", bad, {"c.mlmodelc", "model.mil"}},
      {"CompiledTextEmpty", truncate(mil, 0), "info c.mlmodelc", bad, {"model.mil", "is empty"}},
      {"CompiledTextCutShort",
       truncate(mil, 300),
       "mil c.mlmodelc",
       bad,
       {"model.mil:5:140", "string"}},
      {"CompiledMetadataDamaged",
       truncate("c.mlmodelc/metadata.json", 10),
       "info c.mlmodelc",
       bad,
       {"metadata.json"}},
      {"CompiledWeightsMissing",
       remove("c.mlmodelc/weights/weight.bin"),
       "predict c.mlmodelc --random",
       bad,
       {"weight.bin"}},
      {"CompileWithoutWeights",
       remove(blobs),
       "compile p.mlpackage -o out.mlmodelc",
       bad,
       {"weight.bin", "No such file"}},
  };
}

std::vector<BadInput> program_cases() {
  return {
      {"UnknownOperation",
       replace(mil, "add(x = x", "adx(x = x"),
       "predict c.mlmodelc --random",
       unsupported,
       {"function 'main'", "'sum_1'", "no operation 'adx'"}},
      {"UnknownOperationInAPackage",
       replace(spec, "add", "adx"),
       "predict p.mlpackage --random",
       unsupported,
       {"p.mlpackage", "'sum_1'", "no operation 'adx'"}},
      {"UnknownOpset",
       replace(mil, "ios15", "ios99"),
       "predict c.mlmodelc --random",
       unsupported,
       {"ios99", "expected"}},
      {"UnknownOpsetInAPackage",
       replace(spec, "CoreML5", "CoreML1"),
       "predict p.mlpackage --random",
       unsupported,
       {"CoreML1", "expected"}},
      {"UnknownParameter",
       replace(mil, "y = w)", "z = w)"),
       "predict c.mlmodelc --random",
       bad,
       {"'sum_1'", "parameter 'z'"}},
      {"MissingParameter",
       replace(mil, "x = x, y = w", "x = x"),
       "predict c.mlmodelc --random",
       bad,
       {"'sum_1'", "parameter 'y' is missing"}},
      {"UndefinedValue",
       replace(mil, "y = w)", "y = v)"),
       "predict c.mlmodelc --random",
       bad,
       {"'v'"}},
      {"WrongDeclaredShape",
       replace(mil, "[1, 3]> y = add", "[1, 4]> y = add"),
       "predict c.mlmodelc --random",
       bad,
       {"'sum_1'", "[1, 4]", "[1, 3]"}},
      {"WrongDeclaredType",
       replace(mil, "tensor<fp32, [1, 3]> y = add", "tensor<fp16, [1, 3]> y = add"),
       "predict c.mlmodelc --random",
       bad,
       {"'sum_1'", "fp16", "fp32"}},
      {"UnknownElementType",
       replace(mil, "tensor<fp32, [1, 3]> x", "tensor<fp31, [1, 3]> x"),
       "mil c.mlmodelc",
       bad,
       {"model.mil:4:29", "fp31"}},
      {"MissingBracket",
       replace(mil, "add(x = x, y = w)", "add(x = x, y = w"),
       "mil c.mlmodelc",
       bad,
       {"model.mil:6:54", "expected"}},
      {"NoProgram",
       replace(mil, "program(1.0)", "grogram(1.0)"),
       "mil c.mlmodelc",
       bad,
       {"model.mil:1:1", "grogram"}},
      {"BlobBeyondTheFile",
       replace(mil, "(64)", "(640)"),
       "predict c.mlmodelc --random",
       bad,
       {"weight.bin", "640"}},
      {"BlobBetweenTwoRecords",
       replace(mil, "(64)", "(65)"),
       "predict c.mlmodelc --random",
       bad,
       {"weight.bin", "65"}},
      {"BlobAtAHugeOffset",
       replace(mil, "(64)", "(18446744073709551615)"),
       "predict c.mlmodelc --random",
       bad,
       {"weight.bin", "18446744073709551615"}},
      {"BlobAtANegativeOffset",
       replace(mil, "(64)", "(-64)"),
       "predict c.mlmodelc --random",
       bad,
       {"model.mil:5:", "-64"}},
      {"BlobInAnotherFile",
       replace(mil, "weights/weight.bin", "weights/other.bin"),
       "predict c.mlmodelc --random",
       bad,
       {"other.bin"}},
      {"BlobWithAnAbsolutePath",
       replace(mil, "@model_path/weights/weight.bin", "/etc/passwd"),
       "predict c.mlmodelc --random",
       bad,
       {"/etc/passwd"}},
      {"HugeDimension",
       replace(mil, "[1, 3]> x", "[1, 99999999999999999999]> x"),
       "mil c.mlmodelc",
       bad,
       {"model.mil:4:"}},
      {"ProgramOfAnotherVersion",
       replace(mil, "program(1.0)", "program(9.0)"),
       "mil c.mlmodelc",
       bad,
       {"model.mil:1:", "9"}},
      {"TextOfNoise",
       write(mil, std::string("\x00\xff\xfe\x01", 4)),
       "mil c.mlmodelc",
       bad,
       {"model.mil", "not UTF-8"}},
      {"TextNestedDeeply",
       replace(mil, "add(x = x", "add(x = " + std::string(100000, '(')),
       "mil c.mlmodelc",
       bad,
       {"model.mil:6:"}},
      {"ValueDefinedTwice",
       replace(mil, "tensor<fp32, [1, 3]> y = add", "tensor<fp32, [1, 3]> w = add"),
       "mil c.mlmodelc",
       bad,
       {"model.mil:6:", "'w'"}},
      {"OutputUndefined",
       replace(mil, "-> (y)", "-> (q)"),
       "mil c.mlmodelc",
       bad,
       {"model.mil:7:", "'q'"}},
      {"BlobOutsideTheModel",
       replace(mil, "weights/weight.bin", "../../../etc/passwd"),
       "predict c.mlmodelc --random",
       bad,
       {"etc/passwd"}},
      {"BlobOfAnotherSize",
       replace(mil, "val = tensor<fp32, [1, 3]>", "val = tensor<fp32, [1, 9]>"),
       "predict c.mlmodelc --random",
       bad,
       {"[1, 9]"}},
      {"UnknownFunction",
       {},
       "predict p.mlpackage --random --function train",
       bad,
       {"no function 'train'", "'main'"}},
      {"PipelineCannotRun",
       {},
       "predict l.mlmodel --random",
       unsupported,
       {"'l.mlmodel'", "pipeline"}},
      {"AppleOnly", {}, "predict a.mlmodel --random", unsupported, {"'a.mlmodel'", "Apple"}},
      {"MilOfANetwork",
       {},
       "mil n.mlmodel",
       unsupported,
       {"'n.mlmodel' is a neural network", "ML Programs"}},
      {"CompileOfANetwork",
       {},
       "compile n.mlmodel -o out.mlmodelc",
       unsupported,
       {"'n.mlmodel' is a neural network", "ML Programs"}},
      {"CompileOverAnother",
       {},
       "compile p.mlpackage -o c.mlmodelc",
       cannot_write,
       {"'c.mlmodelc' exists already", "--force"}},
      {"CompileOverSomethingElse",
       write("d.mlmodelc/letter.txt", "dear"),
       "compile p.mlpackage -o d.mlmodelc --force",
       cannot_write,
       {"'d.mlmodelc' is no compiled model"}},
      {"CompileIntoNowhere",
       {},
       "compile p.mlpackage -o no/such/out.mlmodelc",
       cannot_write,
       {"no/such"}},
  };
}

std::vector<BadInput> value_cases() {
  const std::string three(12, '\0');
  return {
      {"MissingInput", {}, "predict p.mlpackage", bad, {"'x'"}},
      {"UnknownInput",
       {},
       "predict i.mlpackage -i pictur=a.npy",
       bad,
       {"no input 'pictur'", "did you mean 'picture'"}},
      {"UnknownInputWithoutANearOne",
       {},
       "predict p.mlpackage -i volume=3",
       bad,
       {"no input 'volume'", "'x'"}},
      {"ValueIsNoFile",
       {},
       "predict p.mlpackage -i x=nothing",
       bad,
       {"input 'x'", "'nothing'", ".npy"}},
      {"ValueIsAnotherFile",
       write("x.txt", "1"),
       "predict p.mlpackage -i x=x.txt",
       bad,
       {"input 'x'", "'x.txt'", ".npy"}},
      {"OneNumberForThree", {}, "predict p.mlpackage -i x=1", bad, {"'x'", "1 x 3"}},
      {"WrongShape", {}, "predict p.mlpackage -i x=[[1,2]]", bad, {"'x'", "1 x 2", "1 x 3"}},
      {"WrongRank", {}, "predict p.mlpackage -i x=[[[1,2,3]]]", bad, {"'x'", "1 x 1 x 3", "1 x 3"}},
      {"UnevenLists", {}, "predict p.mlpackage -i x=[[1,2],[3]]", bad, {"input 'x'", "uneven"}},
      {"TextAmongNumbers",
       {},
       "predict p.mlpackage -i x=[1,2,\"three\"]",
       bad,
       {"input 'x'", "element 2", "string"}},
      {"JsonCutShort",
       {},
       "predict p.mlpackage -i x=[1,2",
       bad,
       {"input 'x'", "'[1,2' is not JSON", "after 4 bytes"}},
      {"JsonTooDeep",
       write("d.json", std::string(200, '[') + std::string(200, ']')),
       "predict p.mlpackage -i x=d.json",
       bad,
       {"d.json"}},
      {"JsonOfAnotherKind", {}, "predict p.mlpackage -i x={\"a\":1}", bad, {"input 'x'", "object"}},
      {"JsonFileMissing", {}, "predict p.mlpackage -i x=no.json", bad, {"no.json"}},
      {"JsonFileEmpty", write("e.json", ""), "predict p.mlpackage -i x=e.json", bad, {"e.json"}},
      {"JsonNamesAnUnknownInput",
       write("in.json", "{\"x\": [1,2,3], \"z\": 1}"),
       "predict p.mlpackage in.json",
       bad,
       {"'in.json'", "no input 'z'"}},
      {"NpyMissing", {}, "predict p.mlpackage -i x=no.npy", bad, {"no.npy"}},
      {"NpyEmpty", write("e.npy", ""), "predict p.mlpackage -i x=e.npy", bad, {"'e.npy' is empty"}},
      {"NpyOfText",
       write("t.npy", "1, 2, 3 and more"),
       "predict p.mlpackage -i x=t.npy",
       bad,
       {"'t.npy' is not an .npy"}},
      {"NpyHeaderCutShort",
       write("h.npy", npy(npy_header("<f4", "(1, 3)"), three).substr(0, 30)),
       "predict p.mlpackage -i x=h.npy",
       bad,
       {"'h.npy'", "header is cut short"}},
      {"NpyBytesCutShort",
       write("b.npy", npy(npy_header("<f4", "(1, 3)"), "1234")),
       "predict p.mlpackage -i x=b.npy",
       bad,
       {"'b.npy'", "12 bytes", "found 4"}},
      {"NpyOfComplexNumbers",
       write("c.npy", npy(npy_header("<c8", "(3,)"), three + three)),
       "predict p.mlpackage -i x=c.npy",
       bad,
       {"'c.npy'", "<c8"}},
      {"NpyOfObjects",
       write("o.npy", npy(npy_header("|O", "(3,)"), three)),
       "predict p.mlpackage -i x=o.npy",
       bad,
       {"'o.npy'", "Python objects"}},
      {"NpyOfHugeShape",
       write("g.npy", npy(npy_header("<f4", "(4611686018427387904, 4)"), three)),
       "predict p.mlpackage -i x=g.npy",
       bad,
       {"'g.npy'", "shape"}},
      {"NpyWithoutShape",
       write("s.npy", npy("{'descr': '<f4', 'fortran_order': False}", three)),
       "predict p.mlpackage -i x=s.npy",
       bad,
       {"'s.npy'", "'shape'"}},
      {"NpyOfAnotherShape",
       write("w.npy", npy(npy_header("<f4", "(3, 1)"), three)),
       "predict p.mlpackage -i x=w.npy",
       bad,
       {"'x'", "3 x 1", "1 x 3"}},
      {"NpyOfLetters",
       write("u.npy", npy(npy_header("<U1", "(3,)"), three)),
       "predict p.mlpackage -i x=u.npy",
       bad,
       {"'x'", "text"}},
      {"NpzCutShort",
       write("a.npz", "PK\x03\x04 and no more of it than this"),
       "predict p.mlpackage a.npz",
       bad,
       {"'a.npz'", "archive"}},
      {"CsvRowsUneven",
       write("r.csv", "1,2,3\n4,5\n"),
       "predict p.mlpackage -i r.csv",
       bad,
       {"'r.csv', line 2", "2 cells", "expected 3"}},
      {"CsvOfText",
       write("r.csv", "1,2,3\n4,five,6\n"),
       "predict p.mlpackage -i x=r.csv",
       bad,
       {"'r.csv', row 2", "'five'"}},
      {"CsvOfAnotherWidth",
       write("r.csv", "1,2\n"),
       "predict p.mlpackage -i r.csv",
       bad,
       {"'r.csv', row 1", "'x'"}},
      {"CsvEmpty",
       write("r.csv", ""),
       "predict p.mlpackage -i r.csv",
       bad,
       {"'r.csv' has no rows"}},
      {"CsvOpenQuote",
       write("r.csv", "\"1,2,3\n"),
       "predict p.mlpackage -i r.csv",
       bad,
       {"'r.csv', line 1", "quote"}},
      {"PictureMissing", {}, "predict i.mlpackage no.jpg", bad, {"no.jpg"}},
      {"PictureOfText",
       write("t.jpg", "not a picture"),
       "predict i.mlpackage t.jpg",
       bad,
       {"t.jpg"}},
      {"PictureOfAnotherSize",
       write("p.npy", npy(npy_header("|u1", "(1, 4, 3)"), three)),
       "predict i.mlpackage p.npy",
       bad,
       {"'picture'", "4 x 1"}},
      {"PictureOfTwoChannels",
       write("p.npy", npy(npy_header("|u1", "(2, 3, 2)"), three)),
       "predict i.mlpackage p.npy",
       bad,
       {"'picture'", "height x width x channels"}},
      {"GoldenMissing", {}, "predict p.mlpackage --random --expect no.npz", bad, {"no.npz"}},
      {"GoldenOfAnUnknownOutput",
       write("g.json", "{\"z\": [[1,2,3]]}"),
       "predict p.mlpackage --random --expect g.json",
       bad,
       {"'g.json'", "no output 'z'", "'y'"}},
      {"GoldenOfTooManyPredictions",
       write("g.json", "[{\"y\": [[1,2,3]]}, {\"y\": [[1,2,3]]}]"),
       "predict p.mlpackage --random --expect g.json",
       bad,
       {"'g.json'", "prediction 1", "1 prediction"}},
      {"GoldenWithoutOutputs",
       write("g.json", "{}"),
       "predict p.mlpackage --random --expect g.json",
       bad,
       {"'g.json'", "no expected outputs"}},
      {"GoldenOfANumber",
       write("g.json", "7"),
       "predict p.mlpackage --random --expect g.json",
       bad,
       {"'g.json'", "number"}},
      {"GoldenOfText",
       write("g.txt", "y = 1 2 3"),
       "predict p.mlpackage --random --expect g.txt",
       bad,
       {"'g.txt'"}},
      {"GoldenJsonCutShort",
       write("g.json", "{\"y\": [[1,"),
       "predict p.mlpackage --random --expect g.json",
       bad,
       {"'g.json'", "not JSON", "breaks off"}},
      {"GoldenUneven",
       write("g.json", "{\"y\": [[1, 2], [3]]}"),
       "predict p.mlpackage --random --expect g.json",
       bad,
       {"'g.json', output 'y'", "uneven"}},
      {"GoldenArchiveCutShort",
       write("g.npz", "PK\x03\x04 and no more of it than this"),
       "predict p.mlpackage --random --expect g.npz",
       bad,
       {"'g.npz'", "archive"}},
      {"GoldenNpyCutShort",
       write("g.npy", npy(npy_header("<f4", "(1, 3)"), "1234")),
       "predict p.mlpackage --random --expect g.npy",
       bad,
       {"'g.npy'", "12 bytes"}},
      {"OutputIntoNowhere",
       {},
       "predict p.mlpackage --random -o no/such/out.npz --json",
       cannot_write,
       {"no/such"}},
  };
}

std::vector<BadInput> all_cases() {
  std::vector<BadInput> out;
  for (const auto& part : {command_line_cases(), file_cases(), program_cases(), value_cases()})
    out.insert(out.end(), part.begin(), part.end());
  return out;
}

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> out;
  for (std::string word; stream >> word;) {
    std::replace(word.begin(), word.end(), '~', ' ');
    out.push_back(word);
  }
  return out;
}

void rewrite(const Edit& edit, const test::TemporaryFolder& folder) {
  const fs::path path = folder / edit.path;
  std::string content = test::TemporaryFolder::get(path);
  if (edit.kind == Edit::Kind::truncate) {
    ASSERT_LT(edit.at, content.size()) << path;
    content.resize(edit.at);
  } else if (edit.kind == Edit::Kind::patch) {
    ASSERT_LE(edit.at + edit.text.size(), content.size()) << path;
    content.replace(edit.at, edit.text.size(), edit.text);
  } else {
    std::size_t at = content.find(edit.text);
    ASSERT_NE(at, std::string::npos) << path << " has no " << edit.text;
    for (; at != std::string::npos; at = content.find(edit.text, at + edit.replacement.size()))
      content.replace(at, edit.text.size(), edit.replacement);
  }
  folder.put(edit.path, content);
}

void apply(const Edit& edit, const test::TemporaryFolder& folder) {
  const fs::path path = folder / edit.path;
  switch (edit.kind) {
    case Edit::Kind::none: return;
    case Edit::Kind::remove: ASSERT_TRUE(fs::remove(path)) << path; return;
    case Edit::Kind::make_folder: fs::create_directories(path); return;
    case Edit::Kind::write: folder.put(edit.path, edit.text); return;
    case Edit::Kind::truncate:
    case Edit::Kind::patch:
    case Edit::Kind::replace: rewrite(edit, folder); return;
  }
}

class BadInputTest : public testing::TestWithParam<BadInput> {};

TEST_P(BadInputTest, EndsInOneSentence) {
  const BadInput& bad_input = GetParam();
  const test::TemporaryFolder folder;
  write_models(folder.path(), bad_input.edit.path + " " + bad_input.line);
  ASSERT_NO_FATAL_FAILURE(apply(bad_input.edit, folder));
  const std::string before = contents_of(folder.path());

  const Finished run = run_pome(words_of(bad_input.line), folder.path());

  EXPECT_EQ(run.exit_code, bad_input.exit_code) << run.err;
  EXPECT_EQ(run.out, "");
  EXPECT_THAT(run.err, StartsWith("pome: "));
  EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
  EXPECT_TRUE(run.err.ends_with('\n')) << run.err;
  for (const std::string& phrase : bad_input.phrases) EXPECT_THAT(run.err, HasSubstr(phrase));
  EXPECT_EQ(contents_of(folder.path()), before) << "something was written";
}

INSTANTIATE_TEST_SUITE_P(Table, BadInputTest, testing::ValuesIn(all_cases()),
                         [](const auto& param) { return param.param.name; });

// The fixtures themselves are good: each runs as it is.
TEST(Fixtures, Run) {
  const test::TemporaryFolder folder;
  write_models(folder.path(), "p.mlpackage c.mlmodelc i.mlpackage k.mlpackage");
  for (const char* model : {"p.mlpackage", "c.mlmodelc", "i.mlpackage", "k.mlpackage"}) {
    const Finished run = run_pome({"predict", model, "--random"}, folder.path());
    EXPECT_EQ(run.exit_code, 0) << model << ": " << run.err;
  }
}

}  // namespace
}  // namespace pome::cli
