// A real HTTP server on this machine, with every fault that an endpoint can have.
#include "common/endpoint/endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "common/base/caller.h"
#include "common/base/status.h"
#include "tests/unit/common/endpoint/fake_server.h"

namespace recsae {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

constexpr char kSecret[] = "sk-very-secret-0123456789";

std::string KeyFile(const std::string& name, const std::string& key) {
  std::string path = ::testing::TempDir() + "/" + name;
  std::ofstream(path) << key << "\n";
  return path;
}

TEST(EndpointTest, SendsTheKeyAndGivesTheAnswer) {
  std::string authorization;
  std::string body;
  std::string path;
  FakeServer server([&](int, const httplib::Request& in, httplib::Response& out) {
    authorization = in.get_header_value("Authorization");
    body = in.body;
    path = in.path;
    out.set_content(R"({"ok": 1})", "application/json");
  });
  EndpointOptions options = server.options();
  options.key_file = KeyFile("key", kSecret);
  const auto endpoint = Endpoint::Create(options).value();
  EXPECT_EQ(endpoint->Post("/x", {{"a", 1}}).value(), Json({{"ok", 1}}));
  EXPECT_EQ(authorization, std::string("Bearer ") + kSecret);
  EXPECT_EQ(body, R"({"a":1})");
  EXPECT_EQ(path, "/v1/x");
  EXPECT_EQ(endpoint->use().requests, 1);
}

TEST(EndpointTest, ReadsAChangedKeyAgain) {
  std::mutex mutex;
  std::string authorization;
  FakeServer server([&](int, const httplib::Request& in, httplib::Response& out) {
    const std::lock_guard<std::mutex> lock(mutex);
    authorization = in.get_header_value("Authorization");
    out.set_content("{}", "application/json");
  });
  EndpointOptions options = server.options();
  options.key_file = KeyFile("changing", "first");
  const auto endpoint = Endpoint::Create(options).value();
  ASSERT_TRUE(endpoint->Post("/x", {}).ok());
  EXPECT_EQ(authorization, "Bearer first");
  KeyFile("changing", "second-key");
  for (int i = 0; i < 100 && authorization != "Bearer second-key"; ++i) {
    absl::SleepFor(absl::Milliseconds(50));
    ASSERT_TRUE(endpoint->Post("/x", {}).ok());
  }
  EXPECT_EQ(authorization, "Bearer second-key");
}

TEST(EndpointTest, TellsNoSecretOfUrlKeyOrAnswer) {
  FakeServer server([&](int, const httplib::Request& in, httplib::Response& out) {
    const std::string said = in.get_header_value("Authorization");
    if (in.path == "/v1/taken") {
      out.set_content(Json({{"text", "you said " + said}}).dump(), "application/json");
    } else {
      out.status = 401;
      out.set_content(
          Json({{"error",
                 {{"message", "wrong key: " + said + ", query " + in.get_param_value("k")}}}})
              .dump(),
          "application/json");
    }
  });
  EndpointOptions options = server.options();
  options.key_file = KeyFile("echoed", kSecret);
  options.url = absl::StrCat("http://anna:pa55word@127.0.0.1:", server.port(), "/v1?k=v");
  const auto endpoint = Endpoint::Create(options).value();
  EXPECT_EQ(endpoint->url(), absl::StrCat("http://127.0.0.1:", server.port(), "/v1"));
  const absl::Status status = endpoint->Post("/refused", {}).status();
  EXPECT_EQ(Reason(status), "ENDPOINT_REFUSED");
  EXPECT_THAT(status.ToString(), AllOf(HasSubstr("wrong key: Bearer [key], query v"),
                                       Not(HasSubstr(kSecret)), Not(HasSubstr("pa55word"))));
  EXPECT_EQ(server.requests, 1) << "another 4xx than 429 is not asked again";
  EXPECT_THAT(endpoint->Post("/taken", {}).value().dump(),
              AllOf(HasSubstr("you said Bearer [key]"), Not(HasSubstr(kSecret))));
}

TEST(EndpointTest, RefusesWhatIsNoUrlWithoutRepeatingIt) {
  for (const char* url :
       {"", "127.0.0.1:80/v1", "ftp://host/v1", "http://", "file:///etc/passwd"}) {
    EndpointOptions options;
    options.url = url;
    EXPECT_EQ(Reason(Endpoint::Create(options).status()), "ENDPOINT_URL_INVALID") << url;
  }
  EndpointOptions options;
  options.url = "bad://user:hunter22@host";
  EXPECT_THAT(Endpoint::Create(options).status().ToString(), Not(HasSubstr("hunter22")));
  options.url = "http://host/v1";
  options.key_file = "/nowhere/key";
  EXPECT_EQ(Reason(Endpoint::Create(options).status()), "ENDPOINT_KEY_UNREADABLE");
  options.key_file = KeyFile("empty", "");
  EXPECT_EQ(Reason(Endpoint::Create(options).status()), "ENDPOINT_KEY_UNREADABLE");
}

TEST(EndpointTest, AsksAgainWhatFailsForAPassingReason) {
  for (const int status : {429, 500, 503}) {
    FakeServer server([&](int request, const httplib::Request&, httplib::Response& out) {
      out.status = request < 3 ? status : 200;
      out.set_content("{}", "application/json");
    });
    const auto endpoint = server.endpoint();
    EXPECT_TRUE(endpoint->Post("/x", {}).ok());
    EXPECT_EQ(server.requests, 3);
    EXPECT_EQ(endpoint->use().retries, 2);
  }
}

TEST(EndpointTest, GivesUpAndSaysWhatCame) {
  FakeServer failing(Always(500, "the model fell over"));
  absl::Status status = failing.endpoint()->Post("/x", {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Reason(status), "ENDPOINT_FAILED");
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("/v1/x"), HasSubstr("500"), HasSubstr("the model fell over"),
                    HasSubstr("attempt 3")));
  EXPECT_EQ(failing.requests, 3);

  FakeServer busy(Always(429, R"({"error": {"message": "slow down"}})"));
  status = busy.endpoint()->Post("/x", {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Reason(status), "ENDPOINT_BUSY");
  EXPECT_THAT(std::string(status.message()), HasSubstr("'slow down'"));
  EXPECT_EQ(busy.endpoint()->use().failures, 0);
}

TEST(EndpointTest, WaitsAsLongAsTheEndpointAsks) {
  FakeServer server([&](int request, const httplib::Request&, httplib::Response& out) {
    out.status = request == 1 ? 429 : 200;
    if (request == 1) out.set_header("Retry-After", "1");
    out.set_content("{}", "application/json");
  });
  const absl::Time begin = absl::Now();
  EXPECT_TRUE(server.endpoint()->Post("/x", {}).ok());
  EXPECT_GE(absl::Now() - begin, absl::Seconds(1));

  FakeServer long_one([&](int, const httplib::Request&, httplib::Response& out) {
    out.status = 429;
    out.set_header("Retry-After", "86400");
  });
  EXPECT_EQ(Reason(long_one.endpoint()->Post("/x", {}).status()), "ENDPOINT_BUSY");
  EXPECT_EQ(long_one.requests, 1) << "a day is not waited for";
}

TEST(EndpointTest, SaysThatNobodyIsThere) {
  EndpointOptions options;
  options.attempts = 2;
  options.first_wait = absl::Milliseconds(5);
  {
    FakeServer gone(Always(200, "{}"));
    options.url = gone.options().url;
  }
  const absl::Status status = Endpoint::Create(options).value()->Post("/x", {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Reason(status), "ENDPOINT_UNREACHABLE");
}

TEST(EndpointTest, RefusesAnswersThatAreNone) {
  for (const char* body : {"", "{\"choices\": [{\"mess", "Sure! Here is your answer:", "[1, 2]",
                           "<html>nginx</html>", "17"}) {
    FakeServer server(Always(200, body));
    const absl::Status status = server.endpoint()->Post("/x", {}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << body;
    EXPECT_EQ(Reason(status), "ENDPOINT_ANSWER_INVALID") << body;
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr(server.endpoint()->url() + "/x"),
                      HasSubstr(*body == '\0' ? "an empty answer" : body)));
    EXPECT_EQ(server.requests, 1);
  }
}

TEST(EndpointTest, ReadsNoMoreOfALongAnswerThanItsBound) {
  size_t sent = 0;
  FakeServer server([&](int, const httplib::Request&, httplib::Response& out) {
    out.set_chunked_content_provider("application/json", [&](size_t, httplib::DataSink& sink) {
      const std::string chunk(1 << 16, 'x');
      if (sent > (100 << 20) || !sink.is_writable()) {
        sink.done();
        return true;
      }
      sent += chunk.size();
      return sink.write(chunk.data(), chunk.size());
    });
  });
  const absl::Status status = server.endpoint()->Post("/x", {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Reason(status), "ENDPOINT_ANSWER_TOO_LARGE");
  EXPECT_LT(sent, 50U << 20);
  EXPECT_EQ(server.requests, 1);
}

TEST(EndpointTest, RefusesDeepAnswers) {
  FakeServer server(Always(200, std::string(1'000'000, '[')));
  EXPECT_EQ(Reason(server.endpoint()->Post("/x", {}).status()), "ENDPOINT_ANSWER_INVALID");
  FakeServer closed(
      Always(200, "{\"a\":" + std::string(500'000, '[') + std::string(500'000, ']') + "}"));
  EXPECT_TRUE(closed.endpoint()->Post("/x", {}).ok()) << "what is too deep is left out";
}

// A socket that takes a request and closes, after what is said.
class RawServer {
 public:
  explicit RawServer(std::string answer) : answer_(std::move(answer)) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    listen(listener_, 8);
    thread_ = std::thread([this] {
      while (true) {
        const int connection = accept(listener_, nullptr, nullptr);
        if (connection < 0) return;
        char buffer[4096];
        [[maybe_unused]] ssize_t n = read(connection, buffer, sizeof buffer);
        ++requests;  // before the caller can know of an end
        n = write(connection, answer_.data(), answer_.size());
        close(connection);
      }
    });
  }
  ~RawServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  std::unique_ptr<Endpoint> endpoint() const {
    EndpointOptions options;
    options.url = absl::StrCat("http://127.0.0.1:", port_);
    options.attempts = 2;
    options.first_wait = absl::Milliseconds(5);
    return Endpoint::Create(options).value();
  }
  std::atomic<int> requests = 0;

 private:
  const std::string answer_;
  int listener_ = -1;
  int port_ = 0;
  std::thread thread_;
};

TEST(EndpointTest, AsksAgainWhereTheConnectionBreaks) {
  for (const char* answer : {"", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half\": "}) {
    const RawServer server(answer);
    const absl::Status status = server.endpoint()->Post("/x", {}).status();
    EXPECT_EQ(Reason(status), "ENDPOINT_UNREACHABLE") << status;
    EXPECT_EQ(server.requests, 2) << answer;
  }
}

TEST(EndpointTest, EndsWithItsTimeoutOrItsCaller) {
  std::atomic<bool> open = true;
  FakeServer server([&](int, const httplib::Request&, httplib::Response&) {
    while (open) absl::SleepFor(absl::Milliseconds(5));
  });
  EndpointOptions options = server.options();
  options.timeout = absl::Milliseconds(100);
  options.attempts = 2;
  absl::Status status = Endpoint::Create(options).value()->Post("/x", {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(Reason(status), "ENDPOINT_TIMEOUT");

  const absl::Time begin = absl::Now();
  {
    const CallerScope scope([begin] {
      return absl::Now() - begin > absl::Milliseconds(100)
                 ? Error(absl::StatusCode::kCancelled, "CALL_CANCELLED", "nobody waits")
                 : absl::OkStatus();
    });
    status = server.endpoint()->Post("/x", {}).status();
  }
  EXPECT_EQ(Reason(status), "CALL_CANCELLED");
  EXPECT_LT(absl::Now() - begin, absl::Seconds(20));
  open = false;
}

TEST(EndpointTest, ServesManyThreads) {
  FakeServer server([&](int, const httplib::Request& in, httplib::Response& out) {
    out.set_content(in.body, "application/json");
  });
  const auto endpoint = server.endpoint();
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 25; ++i) {
        const Json sent = {{"t", t}, {"i", i}};
        const absl::StatusOr<Json> answer = endpoint->Post("/x", sent);
        if (!answer.ok() || *answer != sent) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(endpoint->use().requests, 200);
}

}  // namespace
}  // namespace recsae
