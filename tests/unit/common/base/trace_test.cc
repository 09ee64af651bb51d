#include "common/base/trace.h"

#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"

namespace recsae {
namespace {

constexpr char kParent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST(TraceParentTest, IsReadAndWrittenAlike) {
  const std::optional<TraceContext> context = ParseTraceParent(kParent);
  ASSERT_TRUE(context.has_value());
  EXPECT_EQ(context->trace_high, 0x0af7651916cd43ddULL);
  EXPECT_EQ(context->trace_low, 0x8448eb211c80319cULL);
  EXPECT_EQ(context->span_id, 0xb7ad6b7169203331ULL);
  EXPECT_TRUE(context->sampled());
  EXPECT_EQ(TraceIdText(*context), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(SpanIdText(context->span_id), "b7ad6b7169203331");
  EXPECT_EQ(FormatTraceParent(*context), kParent);
}

TEST(TraceParentTest, WhatIsNotOneIsNone) {
  const std::string parent = kParent;
  for (const std::string& bad :
       {std::string(), std::string("00"), parent.substr(0, 54), parent + "-more", parent + " ",
        "ff" + parent.substr(2),  // a version that never is
        "0g" + parent.substr(2), "00_" + parent.substr(3),
        "00-0AF7651916cd43dd8448eb211c80319c" + parent.substr(35),  // upper case
        "00-00000000000000000000000000000000" + parent.substr(35),
        parent.substr(0, 36) + "0000000000000000-01", parent.substr(0, 52) + "_01",
        parent.substr(0, 53) + "0x", "01" + parent.substr(2) + "x"}) {
    EXPECT_EQ(ParseTraceParent(bad), std::nullopt) << bad;
  }
}

TEST(TraceParentTest, OfALaterVersionTheKnownPartIsRead) {
  const std::string later = absl::StrCat("01", absl::string_view(kParent).substr(2, 51), "ff");
  for (const std::string& text : {later, later + "-what-may-come"}) {
    const std::optional<TraceContext> context = ParseTraceParent(text);
    ASSERT_TRUE(context.has_value()) << text;
    EXPECT_EQ(FormatTraceParent(*context), kParent);
  }
}

TEST(TraceParentTest, NewOnesDiffer) {
  std::set<uint64_t> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(NewSpanId());
  const auto draw = [&ids] {
    const TraceContext trace = NewTrace();
    EXPECT_TRUE(trace.sampled());
    EXPECT_EQ(ParseTraceParent(FormatTraceParent(trace)), trace);
    ids.insert({trace.trace_high, trace.trace_low, trace.span_id});
  };
  draw();
  std::thread(draw).join();
  EXPECT_EQ(ids.size(), 1006u);
}

TEST(TraceScopeTest, TheInnermostCountsOnItsThread) {
  EXPECT_EQ(CurrentTrace(), std::nullopt);
  const TraceContext outer = NewTrace(), inner = NewTrace();
  {
    const TraceScope scope(outer);
    EXPECT_EQ(CurrentTrace(), outer);
    {
      const TraceScope within(inner);
      EXPECT_EQ(CurrentTrace(), inner);
      const TraceScope none(std::nullopt);
      EXPECT_EQ(CurrentTrace(), std::nullopt);
    }
    EXPECT_EQ(CurrentTrace(), outer);
    std::thread([] { EXPECT_EQ(CurrentTrace(), std::nullopt); }).join();
  }
  EXPECT_EQ(CurrentTrace(), std::nullopt);
}

}  // namespace
}  // namespace recsae
