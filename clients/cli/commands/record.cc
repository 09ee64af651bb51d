#include "clients/cli/commands/record.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "clients/cli/formats/json_lines.h"
#include "clients/cli/text/errors.h"
#include "clients/cli/text/progress.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/client/retry.h"
#include "common/files/npy.h"
#include "common/messages/tensor.h"
#include "recsae/probe/v1/probe.grpc.pb.h"

namespace recsae::cli {
namespace {

using probe::v1::Case;

constexpr int64_t kBatchBytes = 1 << 19;
constexpr double kRecordTimeout = 3600;
// Of a file's name in a producer's, which the probe takes up to 128 bytes of.
constexpr size_t kMaxFileName = 96;

absl::StatusOr<std::vector<Case>> ReadCases(const std::string& path) {
  std::vector<Case> cases;
  Case value;
  RECSAE_RETURN_IF_ERROR(ReadJsonLines(path, value, [&] {
    cases.push_back(value);
    return absl::OkStatus();
  }));
  return cases;
}

// Rows of a batch, the same for the same files.
int64_t BatchRows(const RecordSource& source, const NpyArray& activations,
                  const std::vector<Case>& cases) {
  if (source.batch_rows > 0) return source.batch_rows;
  int64_t largest_case = 0;
  for (const Case& value : cases) {
    largest_case = std::max(largest_case, static_cast<int64_t>(value.ByteSizeLong()));
  }
  const int64_t row_bytes = activations.shape[1] * static_cast<int64_t>(sizeof(float));
  return std::max<int64_t>(1, kBatchBytes / std::max<int64_t>(1, row_bytes + largest_case));
}

absl::Status CheckShapes(const RecordSource& source, const NpyArray& activations,
                         const std::vector<Case>& cases) {
  if (activations.shape.size() != 2) {
    return UsageError(absl::StrCat(source.activations, ": must have two dimensions [rows, dim]"));
  }
  if (!source.cases.empty() && static_cast<int64_t>(cases.size()) != activations.shape[0]) {
    return UsageError(absl::StrCat(source.cases, " has ", cases.size(), " cases, but ",
                                   source.activations, " has ", activations.shape[0], " rows"));
  }
  return absl::OkStatus();
}

}  // namespace

std::string ProducerOf(const std::string& path, const NpyArray& activations,
                       const std::vector<Case>& cases) {
  std::string content = absl::StrCat(absl::StrJoin(activations.shape, "x"), " ",
                                     Fingerprint(FloatsAsBytes(activations.values)));
  for (const Case& value : cases) {
    absl::StrAppend(&content, " ", Fingerprint(value.SerializeAsString()));
  }
  std::string name = std::filesystem::path(path).filename().string().substr(0, kMaxFileName);
  for (char& c : name) {
    if (!absl::ascii_isalnum(c) && c != '.' && c != '_' && c != '-') c = '_';
  }
  return absl::StrCat(name, "-", absl::Hex(Fingerprint(content), absl::kZeroPad16));
}

absl::StatusOr<probe::v1::RecordActivationsResponse> Record(Session& session,
                                                            const RecordSource& source) {
  RECSAE_ASSIGN_OR_RETURN(const NpyArray activations, ReadNpy(source.activations));
  std::vector<Case> cases;
  if (!source.cases.empty()) {
    RECSAE_ASSIGN_OR_RETURN(cases, ReadCases(source.cases));
  }
  RECSAE_RETURN_IF_ERROR(CheckShapes(source, activations, cases));
  const std::string producer = source.producer.empty()
                                   ? ProducerOf(source.activations, activations, cases)
                                   : source.producer;

  grpc::ClientContext context;
  const double timeout = session.Timeout(kRecordTimeout);
  SetDeadline(context, absl::Seconds(timeout));
  probe::v1::RecordActivationsResponse response;
  const auto writer = session.probe()->RecordActivations(&context, &response);
  const int64_t rows = activations.shape[0];
  const int64_t dim = activations.shape[1];
  const int64_t batch_rows = BatchRows(source, activations, cases);
  ProgressMeter meter;
  probe::v1::RecordActivationsRequest request;
  request.mutable_header()->set_capture(source.capture);
  request.mutable_header()->set_producer(producer);
  // The reason why a message could not be sent is in the status of the call.
  bool sent = writer->Write(request);
  for (int64_t start = 0; sent && start < rows; start += batch_rows) {
    const int64_t count = std::min(batch_rows, rows - start);
    probe::v1::RecordActivationsRequest::Batch& batch = *request.mutable_batch();
    batch.Clear();
    batch.set_sequence(start / batch_rows + 1);
    WriteMatrix({activations.values.data() + start * dim, count, dim}, batch.mutable_activations());
    if (!cases.empty()) {
      batch.mutable_cases()->Add(cases.begin() + start, cases.begin() + start + count);
    }
    sent = writer->Write(request);
    if (!sent) break;
    meter.Update(absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch()), start + count, rows);
    session.console().ShowProgress(absl::StrCat("recording  ", DescribeProgress(meter, "rows")));
  }
  writer->WritesDone();
  const grpc::Status status = writer->Finish();
  session.console().ClearProgress();
  RECSAE_RETURN_IF_ERROR(ExplainTimeout(session.probe().peer().FromGrpc(status), timeout));
  return response;
}

}  // namespace recsae::cli
