#include "common/files/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "common/base/status.h"

namespace recsae::safetensors {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

template <typename Value>
std::string Bytes(std::initializer_list<Value> values) {
  return {reinterpret_cast<const char*>(values.begin()), values.size() * sizeof(Value)};
}

// A file with this header and buffer, put together by hand.
std::string FileOf(const std::string& header, const std::string& buffer) {
  return Bytes<uint64_t>({header.size()}) + header + buffer;
}

std::string Entry(const std::string& name, const std::string& type, const std::string& shape,
                  const std::string& range) {
  return "\"" + name + "\":{\"dtype\":\"" + type + "\",\"shape\":" + shape +
         ",\"data_offsets\":" + range + "}";
}

bool SameTensors(const File& a, const File& b) {
  if (a.tensors.size() != b.tensors.size()) return false;
  for (const auto& [name, tensor] : a.tensors) {
    const auto other = b.tensors.find(name);
    if (other == b.tensors.end() || other->second.shape != tensor.shape ||
        other->second.values.size() != tensor.values.size()) {
      return false;
    }
    // Bits, so that -0 is not 0.
    if (!tensor.values.empty() && std::memcmp(tensor.values.data(), other->second.values.data(),
                                              tensor.values.size() * sizeof(float)) != 0) {
      return false;
    }
  }
  return true;
}

File Sample() {
  File file;
  file.tensors["W_enc"] = {{2, 3}, {1, -2, 3.25f, 0, -0.0f, 1e-42f}};
  file.tensors["b"] = {{3}, {0.5f, std::numeric_limits<float>::max(), -1}};
  file.tensors["none"] = {{0, 4}, {}};
  file.tensors["scalar"] = {{}, {7}};
  file.metadata = {{"format", "pt"}, {"note", "größe \"x\""}};
  return file;
}

TEST(SafetensorsTest, WhatIsWrittenIsReadBackBitForBit) {
  const std::string bytes = Serialize(Sample());
  const auto read = Parse(bytes);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(SameTensors(*read, Sample()));
  EXPECT_EQ(read->metadata, Sample().metadata);
  EXPECT_EQ(Serialize(*read), bytes);

  uint64_t header = 0;
  std::memcpy(&header, bytes.data(), sizeof(header));
  EXPECT_EQ(header % 8, 0u) << "the values are aligned for whoever maps the file";
}

TEST(SafetensorsTest, ReadsAFileOfAnotherWriter) {
  // Any order in the header, blanks at its end, and escapes in its names.
  const auto read = Parse(FileOf("{" + Entry("late", "F32", "[2]", "[8,16]") +
                                     ",\"__metadata__\":{\"a\":\"b\"}, " +
                                     Entry("\\u0065arly", "F32", "[1,2]", "[0, 8]") + "}   ",
                                 Bytes<float>({1, 2, 3, 4})));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_THAT(read->tensors.at("early").shape, ElementsAre(1, 2));
  EXPECT_THAT(read->tensors.at("early").values, ElementsAre(1, 2));
  EXPECT_THAT(read->tensors.at("late").values, ElementsAre(3, 4));
  EXPECT_THAT(read->metadata, UnorderedElementsAre(Pair("a", "b")));

  const auto empty = Parse(FileOf("{}", ""));
  ASSERT_TRUE(empty.ok()) << empty.status();
  EXPECT_THAT(empty->tensors, IsEmpty());
}

TEST(SafetensorsTest, ConvertsOtherTypesToFloat32) {
  const std::string buffer = Bytes<double>({0.1, -2.5}) +
                             // 1, -2, the largest, the smallest normal, the smallest, -0.
                             Bytes<uint16_t>({0x3C00, 0xC000, 0x7BFF, 0x0400, 0x0001, 0x8000}) +
                             Bytes<uint16_t>({0x3F80, 0xC049});
  const auto read = Parse(FileOf("{" + Entry("f64", "F64", "[2]", "[0,16]") + "," +
                                     Entry("f16", "F16", "[6]", "[16,28]") + "," +
                                     Entry("bf16", "BF16", "[2]", "[28,32]") + "}",
                                 buffer));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_THAT(read->tensors.at("f64").values, ElementsAre(0.1f, -2.5f));
  EXPECT_THAT(read->tensors.at("f16").values,
              ElementsAre(1, -2, 65504, 6.103515625e-5f, 5.9604644775390625e-8f, -0.0f));
  EXPECT_TRUE(std::signbit(read->tensors.at("f16").values[5]));
  EXPECT_THAT(read->tensors.at("bf16").values, ElementsAre(1, -3.140625f));
}

TEST(SafetensorsTest, EveryHalfIsThePowerOfTwoItSays) {
  // One float16 after the other, against the definition in double.
  std::string buffer;
  std::vector<double> expected;
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const uint32_t exponent = bits >> 10 & 0x1F;
    if (exponent == 0x1F) continue;
    const double fraction = (bits & 0x3FF) / 1024.0;
    const double size = exponent == 0
                            ? fraction * std::ldexp(1.0, -14)
                            : (1 + fraction) * std::ldexp(1.0, static_cast<int>(exponent) - 15);
    expected.push_back((bits & 0x8000) != 0 ? -size : size);
    buffer += Bytes<uint16_t>({static_cast<uint16_t>(bits)});
  }
  const std::string n = std::to_string(expected.size());
  const auto read = Parse(FileOf(
      "{" + Entry("x", "F16", "[" + n + "]", "[0," + std::to_string(buffer.size()) + "]") + "}",
      buffer));
  ASSERT_TRUE(read.ok()) << read.status();
  const std::vector<float>& values = read->tensors.at("x").values;
  ASSERT_EQ(values.size(), expected.size());
  for (size_t i = 0; i < values.size(); ++i) ASSERT_EQ(values[i], expected[i]) << i;
}

TEST(SafetensorsTest, RefusesWhatDoesNotAddUp) {
  const std::string four = Bytes<float>({1, 2, 3, 4});
  const auto one = [&](const std::string& type, const std::string& shape,
                       const std::string& range) {
    return FileOf("{" + Entry("x", type, shape, range) + "}", four);
  };
  const auto two = [&](const std::string& first, const std::string& second) {
    return FileOf(
        "{" + Entry("a", "F32", "[2]", first) + "," + Entry("b", "F32", "[2]", second) + "}", four);
  };
  const std::string deep(1'000'000, '[');
  const struct {
    std::string bytes;
    const char* what;
  } kCases[] = {
      {"", "0 bytes"},
      {"1234567", "7 bytes"},
      {Bytes<uint64_t>({3}) + "{}", "cut off"},
      {Bytes<uint64_t>({100'000'001}) + "{}", "above the limit"},
      {Bytes<uint64_t>({~uint64_t{0}}) + "{}", "above the limit"},
      {FileOf("", ""), "no JSON object"},
      {FileOf("[]", ""), "no JSON object"},
      {FileOf(" {}", ""), "no JSON object"},
      {FileOf("{", ""), "no JSON object"},
      {FileOf("{} {}", ""), "no JSON object"},
      {FileOf(std::string("{}\0 ", 4), ""), "NUL"},
      {FileOf("{\"a\xFF\":1}", ""), "UTF-8"},
      {FileOf("{\"a\":" + deep + "}", ""), "deeply"},
      {FileOf("{\"a\":[[[[[[]]]]]]}", ""), "deeply"},
      {FileOf("{\"a\":1}", ""), "\"a\" is no JSON object"},
      {FileOf("{\"__metadata__\":[]}", ""), "__metadata__"},
      {FileOf("{\"__metadata__\":{\"a\":1}}", ""), "no text for \"a\""},
      {FileOf("{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", ""), "\"a\" twice"},
      {FileOf(
           "{" + Entry("x", "F32", "[2]", "[0,8]") + "," + Entry("x", "F32", "[2]", "[8,16]") + "}",
           four),
       "\"x\" twice"},
      {FileOf(R"({"x":{"shape":[4],"data_offsets":[0,16]}})", four), "no dtype"},
      {FileOf(R"({"x":{"dtype":"F32","data_offsets":[0,16]}})", four), "shape"},
      {FileOf(R"({"x":{"dtype":"F32","shape":[4]}})", four), "data_offsets"},
      {one("I32", "[4]", "[0,16]"), "dtype \"I32\""},
      {one("f32", "[4]", "[0,16]"), "dtype \"f32\""},
      {one("F32", "[-4]", "[0,16]"), "whole numbers"},
      {one("F32", "[4.0]", "[0,16]"), "whole numbers"},
      {one("F32", "[\"4\"]", "[0,16]"), "whole numbers"},
      {one("F32", "[9223372036854775808]", "[0,16]"), "whole numbers"},
      {one("F32", "[99999999999999999999]", "[0,16]"), "whole numbers"},
      {one("F32", "[4611686018427387905,4]", "[0,16]"), "overflows"},
      {one("F32", "[4294967296,4294967296,0]", "[0,16]"), "overflows"},
      {one("F32", "4", "[0,16]"), "shape"},
      {one("F32", "[3]", "[0,16]"), "12 bytes"},
      {one("F64", "[4]", "[0,16]"), "32 bytes"},
      {one("F32", "[4]", "[0,16,16]"), "[begin, end]"},
      {one("F32", "[4]", "[16,0]"), "[begin, end]"},
      {one("F32", "[5]", "[0,20]"), "ends at byte 20"},
      {one("F32", "[3]", "[0,12]"), "end at byte 12"},
      {one("F32", "[3]", "[4,16]"), "hole"},
      {one("F32", "[3]", "[2,14]"), "no multiple"},
      {two("[0,8]", "[4,12]"), "within another"},
      {two("[0,8]", "[0,8]"), "within another"},
      {FileOf("{}", four), "end at byte 0"},
      {FileOf("{" + Entry("x", "F32", "[4]", "[0,16]") + "}",
              Bytes<float>({1, std::numeric_limits<float>::quiet_NaN(), 3, 4})),
       "value 1 of tensor \"x\""},
      {FileOf("{" + Entry("x", "F32", "[1]", "[0,4]") + "}",
              Bytes<float>({-std::numeric_limits<float>::infinity()})),
       "finite"},
      {FileOf("{" + Entry("x", "F16", "[1]", "[0,2]") + "}", Bytes<uint16_t>({0x7C00})), "finite"},
      {FileOf("{" + Entry("x", "BF16", "[1]", "[0,2]") + "}", Bytes<uint16_t>({0x7FC0})), "finite"},
      {FileOf("{" + Entry("x", "F64", "[1]", "[0,8]") + "}", Bytes<double>({1e39})), "finite"},
  };
  for (const auto& c : kCases) {
    const absl::Status status = Parse(c.bytes).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << c.what << ": " << status;
    EXPECT_EQ(Reason(status), kMalformed);
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.what));
  }
}

TEST(SafetensorsTest, EveryTruncationIsRefused) {
  const std::string bytes = Serialize(Sample());
  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto read = Parse(bytes.substr(0, size));
    EXPECT_TRUE(absl::IsInvalidArgument(read.status())) << size;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(Parse(bytes + '\0').status()));
}

// A change may give another name, or two tensors each other's place; but never a file that says
// something else than it holds.
void ExpectRefusedOrSound(const std::string& bytes) {
  const auto read = Parse(bytes);
  if (!read.ok()) {
    EXPECT_TRUE(absl::IsInvalidArgument(read.status())) << read.status();
    EXPECT_EQ(Reason(read.status()), kMalformed);
    return;
  }
  size_t values = 0;
  for (const auto& [name, tensor] : read->tensors) {
    size_t expected = 1;
    for (const int64_t size : tensor.shape) expected *= static_cast<size_t>(size);
    EXPECT_EQ(tensor.values.size(), expected) << name;
    values += tensor.values.size();
  }
  EXPECT_EQ(values, 10u);
  const auto again = Parse(Serialize(*read));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(SameTensors(*read, *again));
}

TEST(SafetensorsTest, EveryChangedByteOfTheHeaderIsRefusedOrSound) {
  const std::string bytes = Serialize(Sample());
  uint64_t header = 0;
  std::memcpy(&header, bytes.data(), sizeof(header));
  for (size_t i = 0; i < sizeof(header) + header; ++i) {
    std::string inverted = bytes;
    inverted[i] = static_cast<char>(~inverted[i]);
    EXPECT_TRUE(absl::IsInvalidArgument(Parse(inverted).status())) << i;
    for (int change = 1; change < 256; ++change) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(changed[i] ^ change);
      ExpectRefusedOrSound(changed);
    }
  }
}

}  // namespace
}  // namespace recsae::safetensors
