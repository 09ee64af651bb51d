#include "common/files/torch_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <string>

#include "common/base/status.h"
#include "common/files/pickle.h"
#include "common/files/zip.h"

namespace recsae::torch_file {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string Number(uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i));
  return text;
}

std::string Text(const std::string& text) { return "X" + Number(text.size(), 4) + text; }

std::string Ints(std::initializer_list<int> values) {
  std::string text = "(";
  for (const int value : values) text += "J" + Number(static_cast<uint32_t>(value), 4);
  return text + "t";
}

// A tensor on storage `key` of `count` values.
std::string Tensor(const std::string& type, const std::string& key, int count, int offset,
                   std::initializer_list<int> shape, std::initializer_list<int> strides) {
  return "ctorch._utils\n_rebuild_tensor_v2\n((" + Text("storage") + "ctorch\n" + type + "\n" +
         Text(key) + Text("cpu") + "J" + Number(count, 4) + "tQJ" + Number(offset, 4) +
         Ints(shape) + Ints(strides) + "\x89" + "ccollections\nOrderedDict\n)RtR";
}

std::string Floats(std::initializer_list<float> values) {
  std::string bytes;
  for (const float value : values) bytes += Number(std::bit_cast<uint32_t>(value), 4);
  return bytes;
}

std::string Archive(const std::string& pickle, const std::string& storage = "",
                    const std::string& order = "little") {
  zip::Writer writer;
  writer.Add("x/data.pkl", std::string("\x80\x02") + pickle + ".");
  writer.Add("x/byteorder", order);
  writer.Add("x/data/0", storage);
  return writer.Finish().value();
}

std::string Dict(const std::string& entries) { return "}(" + entries + "u"; }

TEST(TorchFileTest, ReadsTensorsNumbersTextsAndDictsOfThem) {
  const auto file = Parse(
      Archive(Dict(Text("w") + Tensor("FloatStorage", "0", 6, 0, {2, 3}, {3, 1}) +
                   Text("transposed") + Tensor("FloatStorage", "0", 6, 0, {3, 2}, {1, 3}) +
                   Text("one") + Tensor("FloatStorage", "0", 6, 4, {}, {}) + Text("state") +
                   Dict(Text("k") + "K\x07" + Text("name") + Text("TopK") + Text("on") + "\x88")),
              Floats({1, 2, 3, 4, 5, 6})));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT(file->tensors.at("w").values, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(file->tensors.at("transposed").shape, ElementsAre(3, 2));
  EXPECT_THAT(file->tensors.at("transposed").values, ElementsAre(1, 4, 2, 5, 3, 6));
  EXPECT_THAT(file->tensors.at("one").values, ElementsAre(5));
  EXPECT_EQ(file->numbers.at("state.k"), 7);
  EXPECT_EQ(file->numbers.at("state.on"), 1);
  EXPECT_EQ(file->texts.at("state.name"), "TopK");
}

TEST(TorchFileTest, ReadsOtherTypesOfNumbers) {
  const auto read = [](const std::string& type, int count, const std::string& bytes) {
    const auto file =
        Parse(Archive(Dict(Text("w") + Tensor(type, "0", count, 0, {count}, {1})), bytes));
    EXPECT_TRUE(file.ok()) << type << ": " << file.status();
    return file->tensors.at("w").values;
  };
  EXPECT_THAT(read("BFloat16Storage", 2, Number(0x3F80, 2) + Number(0xC000, 2)),
              ElementsAre(1, -2));
  EXPECT_THAT(read("HalfStorage", 1, Number(0x3E00, 2)), ElementsAre(1.5));
  EXPECT_THAT(read("LongStorage", 1, Number(static_cast<uint64_t>(-9), 8)), ElementsAre(-9));
  EXPECT_THAT(read("IntStorage", 1, Number(300, 4)), ElementsAre(300));
  EXPECT_THAT(read("DoubleStorage", 1, Number(std::bit_cast<uint64_t>(0.25), 8)),
              ElementsAre(0.25));
}

TEST(TorchFileTest, WhatItWritesItReads) {
  File file;
  file.tensors["encoder.weight"] = {{2, 2}, {1, -2, 3.5f, 0}};
  file.tensors["k"] = {{}, {5}};
  file.whole = {"k"};
  file.note = "{}";
  const auto again = Parse(Serialize(file).value());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->tensors.size(), 2u);
  EXPECT_THAT(again->tensors.at("encoder.weight").values, ElementsAre(1, -2, 3.5f, 0));
  EXPECT_THAT(again->tensors.at("k").shape, ElementsAre());
  EXPECT_EQ(again->note, "{}");
}

TEST(TorchFileTest, RefusesWhatCouldDoHarm) {
  const std::string bytes = Floats({1, 2});
  const struct {
    const char* what;
    std::string file;
    const char* reason;
    const char* mentions;
  } kCases[] = {
      {"a call", Archive("cos\nsystem\n(" + Text("true") + "tR"), "PICKLE_NOT_PLAIN", "os.system"},
      {"a class", Archive(Dict(Text("m") + "cmodel\nSae\n)\x81")), "PICKLE_NOT_PLAIN", "model.Sae"},
      {"an object", Archive("ctorch\nSize\n)R" + Dict("") + "b"), "PICKLE_NOT_PLAIN", "attributes"},
      {"an operation", Archive("S'x'\n"), "PICKLE_NOT_PLAIN", "0x53"},
      {"beyond its storage",
       Archive(Dict(Text("w") + Tensor("FloatStorage", "0", 2, 1, {2}, {1})), bytes), kMalformed,
       "does not fit its storage"},
      {"huge",
       Archive(Dict(Text("w") + Tensor("FloatStorage", "0", 2, 0, {1 << 30, 1 << 30}, {0, 0})),
               bytes),
       kMalformed, "does not fit its storage"},
      {"no storage", Archive(Dict(Text("w") + Tensor("FloatStorage", "7", 2, 0, {2}, {1})), bytes),
       kMalformed, "data/7"},
      {"no dict", Archive("K\x01"), kMalformed, "no dict"},
      {"cut off", Archive("}(" + Text("abc")).substr(0, 90), "ZIP_MALFORMED", "cut off"},
      {"legacy", "\x80\x02\x8a", kMalformed, "torch 1.6"},
      {"big-endian", Archive(Dict(""), "", "big"), kMalformed, "byte order"},
      {"not finite",
       Archive(Dict(Text("w") + Tensor("FloatStorage", "0", 1, 0, {1}, {1})),
               Number(0x7F800000, 4)),
       kMalformed, "no finite"},
  };
  for (const auto& c : kCases) {
    const absl::Status status = Parse(c.file).status();
    EXPECT_EQ(Reason(status), c.reason) << c.what << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.mentions)) << c.what;
  }
}

// Dicts that are in many others would take for ever to follow.
TEST(TorchFileTest, SharedDictsAreNotFollowedForEver) {
  std::string entries = Text("0") + Dict(Text("a") + "K\x01") + std::string("q\x00", 2);
  for (int i = 1; i < 6; ++i) {
    std::string shared;
    for (int j = 0; j < 20; ++j) {
      shared += Text(std::to_string(j)) + "h" + static_cast<char>(i - 1);
    }
    entries += Text(std::to_string(i)) + Dict(shared) + "q" + static_cast<char>(i);
  }
  const absl::Status status = Parse(Archive(Dict(entries))).status();
  EXPECT_EQ(Reason(status), kMalformed);
  EXPECT_THAT(std::string(status.message()), HasSubstr("too many values"));
}

TEST(ZipTest, ReadsWhatIsDeflatedAndChecksIt) {
  zip::Writer writer;
  writer.Add("a", "some bytes");
  std::string bytes = writer.Finish().value();
  const auto entries = zip::List(bytes);
  ASSERT_TRUE(entries.ok()) << entries.status();
  EXPECT_EQ(zip::Read(entries->at(0)).value(), "some bytes");
  bytes[bytes.find("some bytes")] = 'S';
  EXPECT_THAT(std::string(zip::Read(zip::List(bytes)->at(0)).status().message()),
              HasSubstr("checksum"));
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(zip::List(bytes.substr(0, length)).ok()) << length;
  }
}

}  // namespace
}  // namespace recsae::torch_file
