// Where data sets are found, in which order, and downloads from a server on this machine.
#include "services/probe/datasets/locate.h"

#include <archive.h>
#include <archive_entry.h>
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/base/sha256.h"
#include "common/base/status.h"
#include "services/probe/datasets/download.h"
#include "tests/unit/probe/datasets/files.h"

namespace recsae::probe {
namespace {

using testing::HasSubstr;

// Answers GET <path> with the given body, or 404, on a free port of the loopback interface.
class HttpServer {
 public:
  explicit HttpServer(std::map<std::string, std::string> bodies) : bodies_(std::move(bodies)) {
    socket_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    listen(socket_, 8);
    socklen_t length = sizeof(address);
    getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length);
    url_ = absl::StrCat("http://127.0.0.1:", ntohs(address.sin_port));
    thread_ = std::thread([this] { Serve(); });
  }
  ~HttpServer() {
    shutdown(socket_, SHUT_RDWR);
    thread_.join();
    close(socket_);
  }

  const std::string& url() const { return url_; }
  int requests() const { return requests_; }

 private:
  void Serve() {
    int client = 0;
    while ((client = accept(socket_, nullptr, nullptr)) >= 0) {
      ++requests_;
      std::string request(4096, '\0');
      request.resize(std::max<ssize_t>(0, read(client, request.data(), request.size())));
      const std::string path = request.substr(4, request.find(' ', 4) - 4);
      const auto it = bodies_.find(path);
      const std::string body = it == bodies_.end() ? "" : it->second;
      const std::string answer =
          absl::StrCat("HTTP/1.1 ", it == bodies_.end() ? "404 Not Found" : "200 OK",
                       "\r\nContent-Length: ", body.size(), "\r\nConnection: close\r\n\r\n", body);
      for (size_t sent = 0; sent < answer.size();) {
        const ssize_t n = send(client, answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
        if (n <= 0) break;
        sent += n;
      }
      close(client);
    }
  }

  std::map<std::string, std::string> bodies_;
  int socket_ = -1;
  std::string url_;
  std::atomic<int> requests_{0};
  std::thread thread_;
};

// A zip archive of the given files.
std::string Zip(const std::map<std::string, std::string>& files) {
  std::string bytes(1 << 16, '\0');
  size_t used = 0;
  archive* writer = archive_write_new();
  archive_write_set_format_zip(writer);
  archive_write_open_memory(writer, bytes.data(), bytes.size(), &used);
  for (const auto& [name, text] : files) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_size(entry, static_cast<int64_t>(text.size()));
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_write_header(writer, entry);
    archive_write_data(writer, text.data(), text.size());
    archive_entry_free(entry);
  }
  archive_write_close(writer);
  archive_write_free(writer);
  bytes.resize(used);
  return bytes;
}

// What is in a folder, hidden files too.
int CountEntries(const std::string& folder) {
  int count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++count;
  return count;
}

TEST(LocateTest, LooksInOrder) {
  const std::string a = NewFolder("a"), b = NewFolder("b"), env = NewFolder("env"),
                    cache = NewFolder("cache");
  LocateOptions options{.data_dirs = {a, b}, .env_dir = env, .cache_dir = cache, .base_url = ""};
  for (const std::string& dir : {cache, env, b, a}) {
    std::filesystem::create_directory(dir + "/mine");
    const auto found = LocateDataset("mine", options);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ(*found, dir + "/mine");
  }
}

TEST(LocateTest, NowhereListsThePlacesAndTheWayOut) {
  const std::string a = NewFolder("a"), env = NewFolder("env");
  const auto found = LocateDataset("mine", {.data_dirs = {a}, .env_dir = env});
  EXPECT_EQ(found.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Reason(found.status()), "DATASET_NOT_FOUND");
  const std::string message(found.status().message());
  EXPECT_THAT(message, HasSubstr(a + "/mine"));
  EXPECT_THAT(message, HasSubstr(env + "/mine"));
  EXPECT_THAT(message, HasSubstr("--data"));
}

TEST(LocateTest, NamesAreSingleFolders) {
  for (const std::string name : {"", ".", "..", "a/b", "../a", "/etc"}) {
    const auto found = LocateDataset(name, {.data_dirs = {"/"}});
    EXPECT_EQ(Reason(found.status()), "DATASET_NAME_INVALID") << name;
  }
}

TEST(DownloadTest, FetchesOnceIntoTheCache) {
  const std::string cache = NewFolder("cache");
  const HttpServer server({{"/ml-1m.zip", Zip({{"ml-1m/ratings.dat", "1::1::5::1\n"},
                                               {"ml-1m/movies.dat", "1::One::Drama\n"}})}});
  int64_t reported = 0;
  const LocateOptions options{
      .cache_dir = cache, .base_url = server.url(), .progress = [&](int64_t done, int64_t) {
        reported = done;
        return true;
      }};
  for (int i = 0; i < 2; ++i) {
    const auto found = LocateDataset("ml-1m", options);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ(*found, cache + "/ml-1m");
  }
  EXPECT_EQ(server.requests(), 1);
  EXPECT_GT(reported, 0);
  EXPECT_TRUE(std::filesystem::exists(cache + "/ml-1m/movies.dat"));
  EXPECT_EQ(CountEntries(cache), 1);
}

// A failed download says so and leaves nothing that a later run could take for the data set.
TEST(DownloadTest, FailureLeavesNothing) {
  const std::string zip = Zip({{"ml-1m/ratings.dat", std::string(5000, 'x')}});
  const std::map<std::string, std::string> bodies[] = {
      {},                                             // 404
      {{"/ml-1m.zip", "not an archive"}},             // not a zip
      {{"/ml-1m.zip", zip.substr(0, 40)}},            // cut off
      {{"/ml-1m.zip", Zip({{"../evil", "x"}})}},      // reaches outside
      {{"/ml-1m.zip", Zip({{"other/file", "x"}})}}};  // another folder
  for (const auto& body : bodies) {
    const std::string cache = NewFolder("cache");
    const HttpServer server(body);
    const auto found = LocateDataset("ml-1m", {.cache_dir = cache, .base_url = server.url()});
    EXPECT_EQ(Reason(found.status()), "DATASET_NOT_FOUND");
    EXPECT_THAT(std::string(found.status().message()), HasSubstr("the download failed"));
    EXPECT_EQ(CountEntries(cache), 0);
    EXPECT_FALSE(std::filesystem::exists(cache + "/../evil"));
  }
}

TEST(DownloadTest, TakesOnlyWhatWasPublished) {
  Sha256 hash;
  hash.Update("x");
  const std::string published = hash.Hex();
  for (const auto& [content, taken] : {std::pair("x", true), std::pair("y", false)}) {
    const std::string cache = NewFolder("cache");
    const HttpServer server({{"/ml-1m.zip", Zip({{"ml-1m/ratings.dat", content}})}});
    const auto found =
        LocateDataset("ml-1m", {.cache_dir = cache,
                                .base_url = server.url(),
                                .published = {{"ml-1m", {{"ratings.dat", published}}}}});
    EXPECT_EQ(found.ok(), taken) << found.status();
    EXPECT_EQ(CountEntries(cache), taken ? 1 : 0);
  }
}

TEST(LocateTest, SaysHowADownloadIsAllowed) {
  const auto found = LocateDataset("ml-1m", {.cache_dir = NewFolder("cache")});
  EXPECT_EQ(Reason(found.status()), "DATASET_NOT_FOUND");
  EXPECT_THAT(std::string(found.status().message()), HasSubstr("--allow-downloads"));
}

TEST(DownloadTest, ArchiveUnpacksToSoMuchInAll) {
  const std::string folder = NewFolder(), archive = folder + "/archive.zip";
  WriteFile(archive, Zip({{"a", std::string(600, 'x')}, {"b", std::string(600, 'x')}}));
  EXPECT_EQ(Unpack(archive, folder + "/whole", 1200, {}), absl::OkStatus());
  const absl::Status status = Unpack(archive, folder + "/cut", 1199, {});
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Reason(status), "ARCHIVE_TOO_LARGE");
}

TEST(DownloadTest, NobodyListeningIsAnAnswerNotAWait) {
  std::string url;
  { url = HttpServer({}).url(); }  // a port that was free a moment ago
  const auto found = LocateDataset("ml-100k", {.cache_dir = NewFolder("cache"), .base_url = url});
  EXPECT_EQ(Reason(found.status()), "DATASET_NOT_FOUND");
}

TEST(DownloadTest, CallbackCancels) {
  const std::string cache = NewFolder("cache");
  const HttpServer server({{"/ml-1m.zip", Zip({{"ml-1m/ratings.dat", "x"}})}});
  const auto found = LocateDataset("ml-1m", {.cache_dir = cache,
                                             .base_url = server.url(),
                                             .progress = [](int64_t, int64_t) { return false; }});
  EXPECT_EQ(found.status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(CountEntries(cache), 0);
}

TEST(DatasetNameTest, PathsIntoDataFoldersAreNames) {
  const std::string data = NewFolder();
  const LocateOptions options = {.data_dirs = {"/nowhere", data}};
  EXPECT_EQ(*DatasetName("shop", options), "shop");
  EXPECT_EQ(*DatasetName("shop//", options), "shop");
  EXPECT_EQ(*DatasetName("./shop", options), "shop");
  EXPECT_EQ(*DatasetName(data + "/shop/", options), "shop");
  const absl::Status other = DatasetName("/srv/data/shop", options).status();
  EXPECT_EQ(Reason(other), "DATASET_NAME_INVALID");
  EXPECT_NE(other.message().find("--data /srv/data, then --dataset shop"), absl::string_view::npos);
  EXPECT_EQ(Reason(DatasetName("a/b", options).status()), "DATASET_NAME_INVALID");
}

TEST(DownloadTest, OnlyPublishedNamesAreAskedFor) {
  const HttpServer server({});
  const auto found =
      LocateDataset("mine", {.cache_dir = NewFolder("cache"), .base_url = server.url()});
  EXPECT_EQ(Reason(found.status()), "DATASET_NOT_FOUND");
  EXPECT_EQ(server.requests(), 0);
}

}  // namespace
}  // namespace recsae::probe
