// TorchScript modules as programs: reading, graph surgery at sites, running.
#include "services/torch-host/modules/torchscript_program.h"

#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/inliner.h>

#include <algorithm>
#include <exception>
#include <functional>
#include <optional>
#include <sstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "services/probe/recommenders/train/training.h"
#include "services/torch-host/models/single_thread.h"
#include "services/torch-host/modules/archive_kind.h"
#include "services/torch-host/modules/newer_operators.h"

namespace recsae::probe {
namespace {

namespace jit = torch::jit;

using GraphPtr = std::shared_ptr<jit::Graph>;
using Path = std::vector<std::string>;

constexpr size_t kArguments = 3;          // history, lengths, users
constexpr size_t kMaxMessageBytes = 400;  // of what a module throws
constexpr size_t kMaxNames = 30;          // of submodules in a message

// Whether a line begins as "RuntimeError: " does.
bool NamesAnError(absl::string_view line) {
  const absl::string_view word = line.substr(0, line.find(' '));
  return absl::EndsWith(word, "Error:") || absl::EndsWith(word, "Exception:");
}

// What was thrown, without the traces that libtorch wraps around it: the last line that names an
// error, else the first.
std::string ShortMessage(const std::exception& thrown) {
  const auto* error = dynamic_cast<const c10::Error*>(&thrown);
  const std::string text = error != nullptr ? error->what_without_backtrace() : thrown.what();
  absl::string_view message;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (message.empty() || NamesAnError(line)) message = line;
  }
  if (message.empty()) return "an error without a message";
  if (message.size() <= kMaxMessageBytes) return std::string(message);
  return absl::StrCat(message.substr(0, kMaxMessageBytes), "...");
}

absl::Status Failed(const std::exception& thrown) {
  return Error(absl::StatusCode::kFailedPrecondition, "MODULE_FAILED",
               absl::StrCat("the TorchScript module failed: ", ShortMessage(thrown)));
}

absl::Status InvalidSite(const std::string& path, absl::string_view why) {
  return Error(absl::StatusCode::kInvalidArgument, "PROBE_SITE_INVALID",
               absl::StrCat("submodule \"", path, "\" cannot be a probe site: ", why),
               {{"site", path}});
}

absl::Status CheckSignature(const c10::FunctionSchema& schema) {
  const auto is_tensor = [](const c10::Argument& argument) {
    return argument.type()->kind() == c10::TypeKind::TensorType;
  };
  const auto& arguments = schema.arguments();  // the first is the module itself
  bool fits = arguments.size() > kArguments && schema.returns().size() == 1 &&
              is_tensor(schema.returns()[0]);
  for (size_t i = 1; fits && i < arguments.size(); ++i) {
    fits = i <= kArguments ? is_tensor(arguments[i]) : arguments[i].default_value().has_value();
  }
  if (fits) return absl::OkStatus();
  std::ostringstream is;
  is << schema;
  return Error(absl::StatusCode::kInvalidArgument, "MODULE_SIGNATURE",
               absl::StrCat("the module's method is ", is.str(),
                            "; it must be forward(self, history: Tensor, lengths: Tensor, user: "
                            "Tensor) -> Tensor"));
}

// All calls of methods in a block and the blocks in it.
void CollectCalls(jit::Block* block, std::vector<jit::Node*>* calls) {
  for (jit::Node* node : block->nodes()) {
    if (node->kind() == c10::prim::CallMethod) calls->push_back(node);
    for (jit::Block* inner : node->blocks()) CollectCalls(inner, calls);
  }
}

// Attribute names that lead from the module to `value`; nothing if it comes from elsewhere.
std::optional<Path> PathOf(const jit::Value* value, const jit::Value* module) {
  Path path;
  while (value != module) {
    const jit::Node* node = value->node();
    if (node->kind() != c10::prim::GetAttr) return std::nullopt;
    path.push_back(node->s(c10::attr::name));
    value = node->input(0);
  }
  std::reverse(path.begin(), path.end());
  return path;
}

bool IsProperPrefix(const Path& prefix, const Path& path) {
  return prefix.size() < path.size() && std::equal(prefix.begin(), prefix.end(), path.begin());
}

// Inlines one call on the way to `path` (of the module itself, or of a module that holds it).
bool InlineOneCall(jit::Graph& graph, const Path& path) {
  std::vector<jit::Node*> calls;
  CollectCalls(graph.block(), &calls);
  for (jit::Node* call : calls) {
    const std::optional<Path> callee = PathOf(call->input(0), graph.inputs()[0]);
    if (!callee.has_value() || !IsProperPrefix(*callee, path)) continue;
    jit::GraphFunction* function = jit::tryToGraphFunction(call);
    if (function == nullptr) continue;
    jit::inlineCallTo(call, function, function->graph().get());
    return true;
  }
  return false;
}

// The one call of the submodule at `path`.
absl::StatusOr<jit::Node*> FindCall(jit::Graph& graph, const std::string& name) {
  const Path path = absl::StrSplit(name, '.');
  while (InlineOneCall(graph, path)) {
  }
  std::vector<jit::Node*> calls, found;
  CollectCalls(graph.block(), &calls);
  for (jit::Node* call : calls) {
    if (PathOf(call->input(0), graph.inputs()[0]) == path) found.push_back(call);
  }
  if (found.size() != 1) {
    return InvalidSite(
        name, absl::StrCat("forward calls it ", found.size(), " times; it must be called once"));
  }
  if (found[0]->owningBlock() != graph.block()) {
    return InvalidSite(name, "forward calls it under a condition or in a loop");
  }
  if (found[0]->output()->type()->kind() != c10::TypeKind::TensorType) {
    return InvalidSite(name, absl::StrCat("it returns ", found[0]->output()->type()->str(),
                                          "; it must return one tensor"));
  }
  if (!found[0]->output()->hasUses()) return InvalidSite(name, "forward does not use its output");
  return found[0];
}

jit::Code Compile(const GraphPtr& graph) {
  jit::Inline(*graph);
  jit::EliminateDeadCode(graph);
  return jit::Code(graph, "forward");
}

// `graph` cut off behind the call: returns what the submodule does.
jit::Code CompileUpTo(const GraphPtr& graph, jit::Node* call) {
  jit::Value* output = nullptr;
  {
    // Ends before inlining, which may remove the node that it stands at.
    const jit::WithInsertPoint behind(call->next());
    // A copy, as operations in place may follow.
    output = graph->insert(c10::aten::clone, {call->output()});
  }
  graph->eraseOutput(0);
  graph->registerOutput(output);
  return Compile(graph);
}

// `graph` with one more input, which takes the place of the submodule's output.
jit::Code CompileFrom(const GraphPtr& graph, jit::Node* call) {
  jit::Value* input = graph->addInput("site_output");
  input->setType(call->output()->type());
  call->output()->replaceAllUsesWith(input);
  return Compile(graph);
}

constexpr char kFromPython[] =
    "; what TorchScript cannot do can be hosted from Python (docs/hosts.md)";

// Why the bytes are no module that can be run here.
absl::Status Unreadable(const std::string& bytes, const std::exception& thrown) {
  const auto refuse = [&](absl::string_view why) {
    return Error(absl::StatusCode::kInvalidArgument, "MODULE_UNREADABLE",
                 absl::StrCat(why, kFromPython));
  };
  if (const std::string kind = DescribeArchive(bytes); !kind.empty()) {
    return refuse(absl::StrCat("the module's ", bytes.size(),
                               " bytes are not what torch.jit.save writes: they are ", kind));
  }
  static constexpr absl::string_view kUnknown = "Unknown builtin op: ";
  const std::string what = thrown.what();
  const absl::string_view text = what;
  if (const size_t at = text.find(kUnknown); at != absl::string_view::npos) {
    const absl::string_view rest = text.substr(at + kUnknown.size());
    const absl::string_view name = rest.substr(0, rest.find_first_of(".\n "));
    const std::string format = FormatOf(bytes);
    return refuse(absl::StrCat("the module calls ", name,
                               ", which libtorch " TORCH_VERSION " has not; its archive is ",
                               format.empty() ? "of a format that it does not tell" : format,
                               ", written by another release of PyTorch"));
  }
  return refuse(absl::StrCat("the module's ", bytes.size(),
                             " bytes are not what torch.jit.save writes: ", ShortMessage(thrown)));
}

absl::StatusOr<jit::Module> ReadModule(const std::string& bytes) {
  RegisterNewerOperators();
  try {
    std::istringstream in(bytes);
    jit::Module module = jit::load(in, c10::Device(c10::kCPU));
    module.eval();
    return module;
  } catch (const std::exception& thrown) {
    return Unreadable(bytes, thrown);
  }
}

absl::Status CheckSubmodule(const jit::Module& module, const std::string& path) {
  std::vector<std::string> names;
  for (const auto& submodule : module.named_modules()) {
    if (submodule.name == path && !path.empty()) return absl::OkStatus();
    if (!submodule.name.empty()) names.push_back(submodule.name);
  }
  const size_t more = names.size() - std::min(names.size(), kMaxNames);
  names.resize(names.size() - more);
  return Error(absl::StatusCode::kInvalidArgument, "PROBE_SITE_UNKNOWN",
               absl::StrCat("the module has no submodule \"", path, "\"; it has ",
                            names.empty() ? "none" : absl::StrJoin(names, ", "),
                            more == 0 ? "" : absl::StrCat(" and ", more, " more")),
               {{"site", path}});
}

bool SetsAttributes(const jit::Block* block) {
  for (const jit::Node* node : block->nodes()) {
    if (node->kind() == c10::prim::SetAttr) return true;
    for (const jit::Block* inner : node->blocks()) {
      if (SetsAttributes(inner)) return true;
    }
  }
  return false;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TorchscriptProgram>> TorchscriptProgram::Load(
    const std::string& bytes, absl::Span<const std::string> sites) {
  std::unique_ptr<TorchscriptProgram> program(new TorchscriptProgram());
  RECSAE_ASSIGN_OR_RETURN(program->module_, ReadModule(bytes));
  const auto method = program->module_.find_method("forward");
  if (!method.has_value()) {
    return Error(absl::StatusCode::kInvalidArgument, "MODULE_SIGNATURE",
                 "the module has no method forward(history, lengths, user)");
  }
  try {
    const c10::FunctionSchema& schema = method->function().getSchema();
    RECSAE_RETURN_IF_ERROR(CheckSignature(schema));
    for (size_t i = 1 + kArguments; i < schema.arguments().size(); ++i) {
      program->defaults_.push_back(*schema.arguments()[i].default_value());
    }
    const GraphPtr graph = method->graph()->copy();
    program->forward_ = Compile(graph);
    program->changes_itself_ = SetsAttributes(graph->block());
    for (const std::string& site : sites) RECSAE_RETURN_IF_ERROR(program->AddSite(site));
  } catch (const std::exception& thrown) {
    return Error(absl::StatusCode::kInvalidArgument, "MODULE_UNREADABLE",
                 absl::StrCat("the module's forward cannot be run: ", ShortMessage(thrown)));
  }
  return program;
}

absl::Status TorchscriptProgram::AddSite(const std::string& path) {
  RECSAE_RETURN_IF_ERROR(CheckSubmodule(module_, path));
  const GraphPtr graph = module_.get_method("forward").graph();
  const GraphPtr head = graph->copy(), tail = graph->copy();
  RECSAE_ASSIGN_OR_RETURN(jit::Node* const head_call, FindCall(*head, path));
  RECSAE_ASSIGN_OR_RETURN(jit::Node* const tail_call, FindCall(*tail, path));
  sites_.push_back({CompileUpTo(head, head_call), CompileFrom(tail, tail_call)});
  return absl::OkStatus();
}

absl::StatusOr<torch::Tensor> TorchscriptProgram::Run(const jit::Code& code,
                                                      const TorchscriptInputs& inputs,
                                                      const torch::Tensor* output) const {
  const c10::InferenceMode inference;
  const SingleThreadedTorch single_threaded;
  std::unique_lock<std::mutex> turn(turn_mutex_, std::defer_lock);
  if (changes_itself_) turn.lock();
  try {
    jit::Stack stack = {module_._ivalue(), inputs.history, inputs.lengths, inputs.users};
    stack.insert(stack.end(), defaults_.begin(), defaults_.end());
    if (output != nullptr) stack.emplace_back(*output);
    jit::InterpreterState(code).run(stack);
    return stack.at(0).toTensor();
  } catch (const std::exception& thrown) {
    return Failed(thrown);
  }
}

absl::StatusOr<torch::Tensor> TorchscriptProgram::Forward(const TorchscriptInputs& inputs) const {
  return Run(forward_, inputs, nullptr);
}

absl::StatusOr<torch::Tensor> TorchscriptProgram::UpTo(size_t site,
                                                       const TorchscriptInputs& inputs) const {
  return Run(sites_[site].up_to, inputs, nullptr);
}

absl::StatusOr<torch::Tensor> TorchscriptProgram::From(size_t site, const TorchscriptInputs& inputs,
                                                       const torch::Tensor& output) const {
  return Run(sites_[site].from, inputs, &output);
}

}  // namespace recsae::probe
