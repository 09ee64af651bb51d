// Finds or fetches a data set.
#include "services/probe/datasets/locate.h"

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/sha256.h"
#include "common/base/status.h"
#include "services/probe/datasets/download.h"

namespace recsae::probe {
namespace {

namespace fs = std::filesystem;

std::string Env(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

absl::Status CheckName(const std::string& name) {
  const bool valid = !name.empty() && name != "." && name != ".." && name.size() <= 255 &&
                     name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
  if (valid) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "DATASET_NAME_INVALID",
               absl::StrCat("'", name,
                            "' is not the name of one folder; give its name alone and the "
                            "folder around it as --data"),
               {{"dataset", name}});
}

// In the order in which they are looked in.
std::vector<std::string> DataFolders(const LocateOptions& options) {
  std::vector<std::string> dirs = options.data_dirs;
  if (!options.env_dir.empty()) dirs.push_back(options.env_dir);
  if (!options.cache_dir.empty()) dirs.push_back(options.cache_dir);
  return dirs;
}

bool HasPublisher(const std::string& name) { return name == "ml-1m" || name == "ml-100k"; }

// Removes a path at the end of a scope.
class Cleanup {
 public:
  explicit Cleanup(fs::path path) : path_(std::move(path)) {}
  ~Cleanup() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Cleanup(const Cleanup&) = delete;
  Cleanup& operator=(const Cleanup&) = delete;

 private:
  fs::path path_;
};

// DATA_LOSS (DOWNLOAD_CORRUPT) unless the files in `folder` are what was published.
absl::Status CheckPublished(const fs::path& folder, const std::vector<PublishedFile>& files) {
  for (const PublishedFile& file : files) {
    std::ifstream in(folder / file.path, std::ios::binary);
    Sha256 hash;
    std::array<char, size_t{1} << 16> buffer{};
    while (in.read(buffer.data(), buffer.size()) || in.gcount() > 0) {
      hash.Update({buffer.data(), static_cast<size_t>(in.gcount())});
    }
    if (hash.Hex() == file.sha256) continue;
    return Error(absl::StatusCode::kDataLoss, "DOWNLOAD_CORRUPT",
                 absl::StrCat(file.path,
                              " of the download is not what was published: its SHA-256 "
                              "is not ",
                              file.sha256),
                 {{"file", file.path}});
  }
  return absl::OkStatus();
}

// Fetches and unpacks beside the final place, then renames: the data set appears whole or not at
// all.
absl::Status Fetch(const std::string& name, const LocateOptions& options) {
  const fs::path cache = options.cache_dir, final_place = cache / name;
  std::error_code error;
  fs::create_directories(cache, error);
  std::string scratch = (cache / absl::StrCat(".", name, ".XXXXXX")).string();
  if (error || mkdtemp(scratch.data()) == nullptr) {
    return Error(absl::StatusCode::kFailedPrecondition, "CACHE_NOT_WRITABLE",
                 absl::StrCat("cannot write to ", options.cache_dir),
                 {{"path", options.cache_dir}});
  }
  const Cleanup remove_scratch(scratch);
  const std::string archive = scratch + "/archive.zip", unpacked = scratch + "/unpacked";
  RECSAE_RETURN_IF_ERROR(Download(absl::StrCat(options.base_url, "/", name, ".zip"), archive,
                                  options.connect_timeout_seconds, options.progress));
  RECSAE_RETURN_IF_ERROR(Unpack(archive, unpacked, kMaxUnpackedBytes, options.progress));
  const auto published = options.published.find(name);
  if (published != options.published.end()) {
    RECSAE_RETURN_IF_ERROR(CheckPublished(fs::path(unpacked) / name, published->second));
  }
  fs::rename(fs::path(unpacked) / name, final_place, error);
  // Another process may have put it there in the meantime: just as good.
  if (!error || fs::is_directory(final_place)) return absl::OkStatus();
  return Error(absl::StatusCode::kDataLoss, "DOWNLOAD_CORRUPT",
               absl::StrCat(options.base_url, "/", name, ".zip does not hold a folder ", name),
               {{"dataset", name}});
}

}  // namespace

LocateOptions DefaultLocateOptions(std::vector<std::string> data_dirs, bool allow_downloads) {
  LocateOptions options;
  options.data_dirs = std::move(data_dirs);
  options.env_dir = Env("RECSAE_DATA_DIR");
  const std::string xdg = Env("XDG_CACHE_HOME"), home = Env("HOME");
  if (!xdg.empty()) {
    options.cache_dir = xdg + "/recsae";
  } else if (!home.empty()) {
    options.cache_dir = home + "/.cache/recsae";
  }
  if (!allow_downloads) return options;
  options.base_url = "https://files.grouplens.org/datasets/movielens";
  options.published = {
      {"ml-1m",
       {{"ratings.dat", "d718806ed52ab26ce7698d189dc60b0dde6737a2208d56daf6fe81d3e64236c7"},
        {"movies.dat", "0140fc2356357c1a851d0f52e893a1e4d3696df632c4141cea8d5bc3d621f0b9"},
        {"users.dat", "1dc3a95300cb19f7c10e027daf29b8cdf1d908dab65b5edfb45950aa389a10a3"}}},
      {"ml-100k",
       {{"u.data", "06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490"},
        {"u.item", "553841ebc7de3a0fd0d6b62a204ea30c1e651aacfb2814c7a6584ac52f2c5701"},
        {"u.genre", "750f797f10947e52242fc9a2ba35354618a2b07b11c76e404279cf6d727421ad"},
        {"u.user", "f120e114da2e8cf314fd28f99417c94ae9ddf1cb6db8ce0e4b5995d40e90e62c"}}}};
  return options;
}

absl::StatusOr<std::string> DatasetName(const std::string& name, const LocateOptions& options) {
  std::string path = name;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  while (path.starts_with("./")) path.erase(0, 2);
  if (path.find('/') == std::string::npos || path.find('\0') != std::string::npos) return path;
  if (path.starts_with("~/")) path = Env("HOME") + path.substr(1);
  std::error_code error;
  const fs::path folder = fs::path(path).lexically_normal();
  for (const std::string& dir : DataFolders(options)) {
    if (fs::equivalent(folder.parent_path(), dir, error) && !error)
      return folder.filename().string();
  }
  return Error(
      absl::StatusCode::kInvalidArgument, "DATASET_NAME_INVALID",
      absl::StrCat("'", name, "' is a path, and in none of the server's data folders (",
                   absl::StrJoin(DataFolders(options), ", "), "): start the server with --data ",
                   folder.parent_path().string(), ", then --dataset ", folder.filename().string()),
      {{"dataset", name}});
}

absl::StatusOr<std::string> LocateDataset(const std::string& name, const LocateOptions& options) {
  RECSAE_RETURN_IF_ERROR(CheckName(name));
  const std::vector<std::string> dirs = DataFolders(options);
  std::vector<std::string> looked;
  for (const std::string& dir : dirs) {
    const std::string folder = (fs::path(dir) / name).string();
    std::error_code error;
    if (fs::is_directory(folder, error)) return folder;
    looked.push_back(folder);
  }
  std::string tried;
  if (HasPublisher(name) && !options.base_url.empty() && !options.cache_dir.empty()) {
    const absl::Status fetched = Fetch(name, options);
    if (fetched.ok()) return (fs::path(options.cache_dir) / name).string();
    if (absl::IsCancelled(fetched)) return fetched;
    tried = absl::StrCat("; the download failed: ", std::string(fetched.message()));
  } else if (HasPublisher(name)) {
    tried = "; a server that was started with --allow-downloads would fetch it";
  }
  return Error(
      absl::StatusCode::kNotFound, "DATASET_NOT_FOUND",
      absl::StrCat("data set ", name, " is not there: looked for ", absl::StrJoin(looked, ", "),
                   tried,
                   ". Put its folder into one of these, name the folder around it with --data "
                   "or RECSAE_DATA_DIR, or use the generated data set"),
      {{"dataset", name}, {"looked", absl::StrJoin(looked, ":")}});
}

}  // namespace recsae::probe
