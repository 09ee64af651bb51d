#include "services/probe/datasets/columns.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/utf8.h"
#include "services/probe/datasets/encoding.h"

namespace recsae::probe {
namespace {

struct RoleNames {
  absl::string_view name;
  absl::string_view shown;  // the first of them, for people
  absl::string_view usual;  // plain names in the order of preference
};

constexpr std::array<RoleNames, kRoles> kRoleNames = {{
    {"user", "user, user_id, userId, customer_id, reviewerID, session_id, …",
     "user userid uid userkey username reviewerid customerid customer visitorid memberid member "
     "accountid account profileid profilename buyerid clientid client shopperid listenerid "
     "listener "
     "playerid player readerid viewerid subscriberid guestid personid participantid authorid "
     "deviceid "
     "msno household householdkey userindex useridx userno cookieid reviewer sessionid session "
     "sid"},
    {"item", "item, item_id, itemId, movieId, product_id, asin, …",
     "item itemid iid itemkey parentasin asin movieid movie productid product businessid bookid "
     "book "
     "isbn videoid video trackid track songid song artistid artist newsid articleid article "
     "animeid "
     "gameid game appid recipeid sku stockcode goodsid offerid contentid content showid show "
     "placeid "
     "venueid poiid poi locationid adid hotelid jobid courseid podcastid beerid albumid filmid "
     "film "
     "resourceid objectid mediaid storyid postid pinid photoid listingid propertyid restaurantid "
     "gmapid itemindex itemidx itemno productkey pid mid vid"},
    {"time", "time, timestamp, date, created_at, …",
     "timestamp time unixtime unixreviewtime unixtimestamp datetime timestampms timems eventtime "
     "eventtimestamp reviewtime createdat createtime creationtime created dateadded dateread "
     "reviewdate ratingdate interactiontime viewtime clicktime purchasedate orderdate invoicedate "
     "eventdate date day ts tdat dt"},
    {"rating", "rating, overall, stars, score, label, …",
     "rating ratings overall stars star score scores bookrating userrating ratingvalue "
     "reviewoverall "
     "reviewrating reviewscore starrating label click clicked isclick islike liked like recommend "
     "recommended watchratio rate"},
    {"title", "title, name, …",
     "title name itemname itemtitle movietitle movie producttitle productname booktitle appname "
     "gamename gametitle animename videotitle trackname tracktitle songtitle songname artistname "
     "newstitle headline articletitle recipename showname coursetitle coursename hotelname "
     "businessname filmtitle originaltitle primarytitle displayname productnametokens shorttext "
     "caption manualcovertext prodname product item track song book film game show anime recipe "
     "course "
     "hotel restaurant"},
    {"split", "split, …", "split partition setname splitname datasplit set subset part phase fold"},
}};

// What the tables of items call their ids, after the names above.
constexpr absl::string_view kItemIds = "id key code index number ean upc barcode uri url";

int FindPlain(const Header& header, absl::string_view name) {
  for (size_t i = 0; i < header.names.size(); ++i) {
    if (PlainName(header.names[i]) == name) return static_cast<int>(i);
  }
  return -1;
}

int FindFirst(const Header& header, absl::string_view names) {
  for (const absl::string_view name : absl::StrSplit(names, ' ')) {
    if (const int column = FindPlain(header, name); column >= 0) return column;
  }
  return -1;
}

}  // namespace

std::string PlainName(absl::string_view name) {
  std::string plain;
  for (const char c : name) {
    if (absl::ascii_isalnum(c) || (c & 0x80) != 0) plain += absl::ascii_tolower(c);
  }
  return plain;
}

Header MakeHeader(const std::vector<absl::string_view>& fields) {
  Header header;
  for (const absl::string_view field : fields) {
    absl::string_view name = absl::StripAsciiWhitespace(field);
    std::string type;
    if (const size_t colon = name.rfind(':'); colon != absl::string_view::npos) {
      const absl::string_view end = name.substr(colon + 1);
      if (end == "token" || end == "token_seq" || end == "float" || end == "float_seq") {
        type = std::string(end);
        name = name.substr(0, colon);
        header.typed = true;
      }
    }
    header.names.push_back(ToUtf8(name));
    header.types.push_back(std::move(type));
  }
  return header;
}

int FindNamed(const Header& header, absl::string_view name) {
  for (size_t i = 0; i < header.names.size(); ++i) {
    if (absl::EqualsIgnoreCase(header.names[i], name)) return static_cast<int>(i);
  }
  return -1;
}

int FindLike(const Header& header, Role role) {
  for (size_t i = 0; i < header.names.size(); ++i) {
    const std::string name = PlainName(header.names[i]);
    const bool like = role == Role::kTitle
                          ? absl::StartsWith(name, "title") || absl::StartsWith(name, "namein") ||
                                absl::StartsWithIgnoreCase(header.names[i], "name_")
                      : role == Role::kTime
                          ? absl::EndsWith(name, "timestamp") || absl::EndsWith(name, "datetime")
                          : false;
    if (like) return static_cast<int>(i);
  }
  return -1;
}

int FindRole(const Header& header, Role role, const std::string& named, bool item_ids) {
  if (!named.empty()) {
    const int exact = FindNamed(header, named);
    return exact >= 0 ? exact : FindPlain(header, PlainName(named));
  }
  int usual = FindFirst(header, kRoleNames[static_cast<size_t>(role)].usual);
  if (usual < 0) usual = FindLike(header, role);
  return usual < 0 && item_ids ? FindFirst(header, kItemIds) : usual;
}

int CountRoles(const Header& header) {
  int count = 0;
  for (const Role role :
       {Role::kUser, Role::kItem, Role::kTime, Role::kRating, Role::kTitle, Role::kSplit}) {
    count += FindRole(header, role, "") >= 0 ? 1 : 0;
  }
  return count;
}

std::string UsualNames(Role role) {
  return std::string(kRoleNames[static_cast<size_t>(role)].shown);
}

absl::string_view RoleName(Role role) { return kRoleNames[static_cast<size_t>(role)].name; }

std::string ListColumns(const Header& header) {
  constexpr size_t kNamed = 30;
  std::vector<std::string> names;
  for (const std::string& name : header.names) {
    if (names.size() == kNamed) break;
    names.push_back(name.empty() ? "''" : ShortenedUtf8(name, 60));
  }
  return absl::StrCat("its columns are ", absl::StrJoin(names, ", "),
                      header.names.size() > kNamed ? ", …" : "");
}

}  // namespace recsae::probe
