#include "services/explainer/steering/wish_phrases.h"

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_split.h"

namespace recsae::explainer {
namespace {

struct Phrases {
  PhraseKind kind;
  absl::string_view phrases;  // parted by bars
};

constexpr Phrases kPhrases[] = {
    {PhraseKind::kNot,
     "not|no|dont|do not|doesnt|didnt|did not|wont|will not|wouldnt|would not|cant|cannot|"
     "can not|shouldnt|should not|isnt|arent|never|never ever|not any|nothing|none|neither"},
    {PhraseKind::kNever,
     "without|except|except for|apart from|none of|avoid|avoiding|hide|hiding|exclude|"
     "excluding|excluded|skip|skipping|ban|block|remove|removing|drop|get rid of|stop|"
     "stop with|no more|no longer|not any more|not anymore|never again|cant stand|"
     "can not stand|cannot stand|hate|hates|hating|detest|loathe|despise|anything but|"
     "everything but|all but|leave out|keep out|filter out|take out|cut out|rule out|spare me|"
     "off|away with|zero|non|not a single|not interested in|no thanks|no thanks to|"
     "no thank you|sucks|suck|ditch|lose|kill|forget|forget about|down with|other than|"
     "is awful|are awful"},
    {PhraseKind::kLess,
     "less|fewer|lesser|less of|fewer of|dislike|dislikes|reduce|reducing|cut down|"
     "cut down on|cut back|cut back on|tone down|turn down|dial down|lower|decrease|limit|"
     "rarely|seldom|tired of|sick of|bored of|bored with|bored by|fed up with|fed up of|"
     "enough|enough of|had enough|had enough of|not much|not many|not a lot|not a lot of|"
     "not a fan|not a fan of|not a big fan of|not too|not so|not as|not that|nothing too|"
     "instead of|rather than|not crazy about|not keen on|dont care for|dont much like|over|"
     "than|lighter on|is boring|are boring|down on|ease up on|go easy on|go light on|"
     "not often|not really into"},
    {PhraseKind::kMore,
     "more|more of|extra|increase|increasing|boost|turn up|dial up|additional|only|not only|"
     "not just|nothing but|lots of|plenty of|loads of|tons of|not enough|too few|too little|"
     "too rarely|never enough|cant get enough|cant get enough of|cannot get enough of|mostly|"
     "mainly|above all|especially|no problem with|nothing against|dont mind|missing|"
     "more often|go heavy on|focus on|crank up|up with|bump up|heavier on|prioritize"},
    {PhraseKind::kTooMuch, "too much|too many|way too much|way too many|too often|overload"},
    {PhraseKind::kSoMuch, "so much|so many|that much|that many|as much|as many|so often"},
    {PhraseKind::kLike,
     "like|likes|liked|liking|love|loves|loved|loving|enjoy|enjoys|enjoyed|enjoying|fan|"
     "a fan of|big fan of|huge fan of|into|interested|interested in|keen|keen on|adore|fancy|"
     "crazy about|favorite|favorites|favourite|favourites|appreciate|prefer|prefers"},
    {PhraseKind::kShow,
     "show|showing|seen|shown|want|wants|wanted|wanna|give|giving|see|seeing|watch|watching|"
     "recommend|recommending|recommended|suggest|suggesting|suggested|need|needs|feel like|"
     "looking for|in the mood for|bring|offer|include|including|add|care|think|get|getting|"
     "find|send|sending|serve|put|start|wish|hope|hoping|crave|craving|would rather|id rather"},
    {PhraseKind::kAnd, "and|or|nor|plus|and also|as well as|and maybe|and or"},
    {PhraseKind::kBut, "but|however|though|although|but also|yet|while|whereas"},
    {PhraseKind::kFiller,
     "i|im|id|ive|ill|me|my|mine|we|us|our|you|your|please|pls|thanks|thank|thx|some|any|of|"
     "the|a|an|to|for|with|in|on|at|from|that|which|who|are|is|am|be|was|were|been|being|it|"
     "its|this|these|those|them|they|would|could|can|should|will|may|might|have|has|had|do|"
     "does|did|let|lets|really|very|so|just|bit|a bit|little|lot|lots|a lot|much|many|way|far|"
     "slightly|somewhat|rather|quite|pretty|again|anymore|any more|ever|at all|also|too|up|by|"
     "about|as|there|here|now|today|tonight|maybe|perhaps|then|well|if|possible|when|what|"
     "movie|movies|film|films|flick|flicks|stuff|thing|things|item|items|title|titles|content|"
     "one|ones|kind|kinds|type|types|sort|sorts|genre|genres|recommendation|recommendations|"
     "suggestions|list|feed|mood|anything|everything|something|bunch|couple|few|several|hi|"
     "hello|hey|ok|okay|yes|sure|instead|since|because|because of|considerably|significantly|"
     "totally|absolutely|definitely|lately|recently|coming|great|good|nice|surprise|big|huge|"
     "part|amount|number|quantity|share|level|make|making|keep|keeping"},
};

const absl::flat_hash_map<absl::string_view, PhraseKind>& Table() {
  static const auto* const table = [] {
    auto* made = new absl::flat_hash_map<absl::string_view, PhraseKind>();
    for (const Phrases& phrases : kPhrases) {
      for (const absl::string_view phrase : absl::StrSplit(phrases.phrases, '|')) {
        made->emplace(phrase, phrases.kind);
      }
    }
    return made;
  }();
  return *table;
}

}  // namespace

PhraseKind KindOf(absl::string_view phrase) {
  const auto found = Table().find(phrase);
  return found == Table().end() ? PhraseKind::kTopic : found->second;
}

}  // namespace recsae::explainer
