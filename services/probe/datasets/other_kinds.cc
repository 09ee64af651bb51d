#include "services/probe/datasets/other_kinds.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "services/probe/datasets/encoding.h"

namespace recsae::probe {
namespace {

namespace fs = std::filesystem;

struct Kind {
  absl::string_view endings;
  absl::string_view bytes;  // that such files begin with; empty: not told by them
  absl::string_view name;
  absl::string_view way_out;  // $PATH: the file or the folder that it is a part of
};

constexpr absl::string_view kThroughPython =
    "read it in Python and write it with recsae.datasets.write(FOLDER, interactions, items)";

constexpr std::array kKinds = std::to_array<Kind>({
    {".parquet .parq .pq", "PAR1", "a Parquet file",
     "python -m recsae.datasets convert $PATH NEW_FOLDER writes it as CSV (the Python package of "
     "this suite, with pip install pyarrow)"},
    {".bz2", "BZh", "packed by bzip2", "bunzip2 it, or pack it as .gz or .zst"},
    {".xz .lzma", "\xFD\x37zX", "packed by xz", "unxz it, or pack it as .gz or .zst"},
    {".7z", "7z\xBC\xAF", "a 7-Zip archive", "7z x unpacks it"},
    {".rar", "Rar!", "a RAR archive", "unpack it first"},
    {".tar .tgz", "", "a tar archive", "tar xf unpacks it"},
    {".xlsx .xls .ods", "", "a spreadsheet", "save its sheets as CSV"},
    {".zip", "PK\x03\x04", "a zip archive", "unzip it"},
    {".feather .arrow .ipc", "ARRO", "an Arrow file", kThroughPython},
    {".orc", "ORC", "an ORC file", kThroughPython},
    {".avro", "Obj\x01", "an Avro file", kThroughPython},
    {".h5 .hdf5 .hdf", "\x89HDF", "an HDF5 file", kThroughPython},
    {".npy .npz", "\x93NUM", "a NumPy file", kThroughPython},
    {".pkl .pickle .joblib .pt .pth", "", "a pickle of Python", kThroughPython},
    {".sqlite .sqlite3 .db", "SQLi", "an SQLite database", kThroughPython},
    {".rds .rdata .mat .sas7bdat .dta", "", "a file of a statistics program", kThroughPython},
});

std::string Say(const Kind& kind, const std::string& path) {
  return absl::StrCat(kind.name, ": ", absl::StrReplaceAll(kind.way_out, {{"$PATH", path}}));
}

const Kind* KindOf(absl::string_view name) {
  for (const absl::string_view packing : {".gz", ".zst"}) {  // "data.tar.gz"
    if (absl::EndsWithIgnoreCase(name, packing)) name.remove_suffix(packing.size());
  }
  for (const Kind& kind : kKinds) {
    for (const absl::string_view ending : absl::StrSplit(kind.endings, ' ')) {
      if (absl::EndsWithIgnoreCase(name, ending)) return &kind;
    }
  }
  return nullptr;
}

}  // namespace

std::string OtherKind(const std::string& path) {
  const Kind* kind = KindOf(path);
  return kind == nullptr ? "" : Say(*kind, path);
}

std::string OtherKindOfBytes(absl::string_view bytes, const std::string& path) {
  for (const Kind& kind : kKinds) {
    if (!kind.bytes.empty() && absl::StartsWith(bytes, kind.bytes)) return Say(kind, path);
  }
  return "";
}

std::vector<std::string> OtherKindsIn(const std::string& folder) {
  std::set<std::string> names;  // in the order of the alphabet, whatever the disk's is
  std::error_code error;
  constexpr int kDeep = 2;
  constexpr size_t kMostNames = 10000;  // of a folder of pictures, say
  for (fs::recursive_directory_iterator file(folder, error), end;
       file != end && !error && names.size() < kMostNames; file.increment(error)) {
    if (file.depth() >= kDeep) file.disable_recursion_pending();
    names.insert(file->path().lexically_relative(folder).string());
  }
  std::vector<std::string> found;
  std::set<const Kind*> said;
  for (const std::string& name : names) {
    const Kind* kind = KindOf(name);
    if (kind == nullptr || !said.insert(kind).second) continue;
    // All the tables of a folder are converted at once.
    const bool whole = absl::StrContains(kind->way_out, "convert");
    found.push_back(absl::StrCat(ToUtf8(name), " is ",
                                 ToUtf8(Say(*kind, whole ? folder : folder + "/" + name))));
  }
  return found;
}

}  // namespace recsae::probe
