"""What the words around a name say of it: denied, the answer, a conclusion.

Lists of words, in the languages that people label in. They lean one way: a word too many misses a label, a word too few
stores a wrong one.
"""

from __future__ import annotations

from bisect import bisect_right
from operator import itemgetter

import regex

# ------------------------------------------------------------------------------------------------ denied

_NOT = r"""
    not|never|neither|nor|none|nothing|nobody|cannot|\w+n't|(?:is|are|was|were|do|does|did|ca|could|would|should|wo|has|have)nt
  | no|non|hardly|barely|scarcely|without|lack\w*|absen\w+|unlike\w*|unable|unclear|unsure|uncertain|unrelated|doubt(?!l)\w*
  | den(?:y|ies|ied)|whether|if|unless|almost|nearly|fail\w*|refus\w+|reject\w*|exclud\w+|avoid\w*|except|wrong\w*|incorrect\w*
  | invalid|false(?:ly)?|mis\w+ed|less|least|opposite|contrary|instead\s+of|rather\s+than|other\s+than|opposed\s+to|far\s+from
  | (?:anything|all)\s+but|free\s+(?:of|from)|short\s+of|close\s+to|rul(?:e|es|ed|ing)\s+out|too\s+\w+\s+to\s+be
  | nicht|kein\w*|weder|niemals|ohne|anstatt|statt|ob|keineswegs
  | ne|pas|ni|aucune?|jamais|sans|plutôt\s+que|au\s+lieu
  | nunca|tampoco|sin|ning[uú]n\w*|jamás|né|senza|nessun\w*|invece\s+di|não|nao|nem|sem|nenhuma?|em\s+vez
  | niet|geen|zonder|nooit|inte|ej|icke|ikke|ingen|inget|aldrig|aldri|utan|uden|uten|varken|hverken|verken
  | не|ни|нет|без|никогда|вместо|ні|немає|нито|није|nie|ani|bez|není|nikdy|zamiast|nu|nici|fără|nem|nincs|ei|eivät|ilman
  | δεν|όχι|ούτε|μη|μην|χωρίς|không|chẳng|chưa|bukan|tidak|tanpa|hapana|hindi|hayır
  | ليس|ليست|ليسا|لا|لم|لن|غير|بدون|دون|ولا|وليس|وليست|بدلا|לא|ולא|אינו|אינה|איננו|אין|בלי|نه|بدون
"""
# Scripts without spaces, and those whose marks end a word for `\b`.
_NOT_INSIDE = (
    r"不(?![仅僅但过過错錯愧止])|非(?!常)|[没沒未](?!来|來)|[无無](?!疑)|别是|ไม่|มิใช่|(?<!\S)(?:न|안|못)(?!\S)|"
    r"(?:\[\s?\]|[☐□⬜❌❎✗✘✖🚫👎])\W*$"
)
_ASIDE = r"""
    although|though|despite|while|whilst|whereas|because|since|given\s+that|regardless|such\s+as|e\.g|for\s+(?:example|instance)
  | obwohl|weil|bien\s+que|malgré|parce\s+que|aunque|porque|sebbene|perché|embora|хотя|потому
"""
_BEFORE_DENIES = regex.compile(
    rf"\b(?:{_NOT})\b|{_NOT_INSIDE}|\b(?:{_ASIDE})\b[^,]*$|(?:虽然|虽|尽管|因为)[^,]*$"
    rf"|\b(?:than|over|versus|vs|against|from|(?<!(?:look|seem|sound|feel)s\s)like)\b\W*$"
    # The question or its options repeated.
    rf"|\b(?:options|choices|alternatives|candidates|(?:possible|available|valid|allowed|other)\s+\w+)\b[^.:]{{0,40}}"
    rf"(?::|\bare\b|\binclude\b)|\b(?:between|(?:one|either|any|some)\s+of(?:\s+the\s+following)?)\W*$"
    rf"|^\W*(?:please\s+)?(?:classify|categori[sz]e|determine|decide|choose|select|pick|identify|assign"
    rf"|(?:label|tag|rate)\s+(?:the|this|each)|(?:answer|respond|reply)\s+(?:with|only|using|by|in))\b"
    rf"|^\W*(?:text|input|question|prompt|instructions?|task|user|human|context|example|q)\s*\W?:"
    rf"|(?:选项|選項|以下|选择|請選擇|選択肢|次の|다음|보기|Optionen|Auswahl|opciones|opções|opzioni|варианты|вариантов)",
    regex.I | regex.X,
)
_DANGLING = regex.compile(rf"(?:\b(?:{_NOT})|不是?|非|没有|ไม่ใช่?)\W*$", regex.I | regex.X)

_ASSURANCE = regex.compile(
    r"""\b(?: not\s+(?:only|just|merely|simply) | no\s+(?:doubt|question|denying|hesitation) | without\s+(?:a\s+|any\s+)?doubt
      | nothing\s+but | none\s+other\s+than | (?:can't|cannot|can\s+not)\s+help\s+but | if\s+anything | as\s+if | rather(?=\s+than\b)\B
      | no\s+(?:texto|caso|geral|entanto|contexto|comentário|trecho) | sem\s+dúvida | sin\s+duda | sans\s+(?:aucun\s+)?doute
      | nicht\s+nur | ohne\s+(?:jeden\s+)?zweifel | pas\s+seulement | no\s+s[óo]lo | senza\s+dubbio | не\s+только | без\s+сомнения
    )\b""",
    regex.I | regex.X,
)
# From here on a sentence says something else: "not Positive but Negative", "it isn't angry, so it is Neutral".
_TURN = regex.compile(
    r"""\b(?<!anything\s)(?<!all\s)but\b | \b(?:however|therefore|thus|hence|consequently|nevertheless|nonetheless)\b
      | [,;:—–]\s*(?:and\s+)?(?:it|it's|this|that|these|those|i|i'd|i'll|so|rather|instead|making|which|we|overall
        |(?:the|my|its)\s+(?:text|label|answer|sentiment|tone|review|message|category|class|best|correct|overall|final|author))\b
      | \b(?:sondern|mais|sino|pero|bensì|maar|melainkan|tetapi)\b | ,\s*(?:aber|men|mas|ma|a|а|но|але|ale|lecz|ama|fakat|porém)\b
      | 而是 | 但是? | 所以 | 因此 | แต่ | だから | なので | なく | \b(?:بل|لكن|אלא|אבל)\b | ,\s*[是属應应]
    """,
    regex.I | regex.X,
)

_AFTER_DENIES = regex.compile(
    rf"""^(?: [\s"'*_)\]“”»`]+ (?!(?:because|since|as|and|but|with|so|that|which|though|although|while|if|when|where|who|by|due|for
              |und|et|y|e|och|og|i|и|en|weil|car|porque|despite)\b) [\w'-]+ ){{0,4}}?
        [\s"'*_)\]“”»`]+ (?: not|never|cannot|\w+n't|nor|wrong|incorrect|inaccurate|inappropriate|unsuitable|excluded|ruled\s+out
          |absent|missing|lacking|unlikely|false|invalid|impossible|rejected|n/a|out\s+of\s+the\s+question|nicht|pas|jamais|niet
          |ikke|inte|não|non|не|nie|nu|nem|без|لا|ليس|לא|if|unless|free|less )\b
      | ^\W*[:=—–|-]\W*(?: no|not|none|false|absent|nein|non|nee|n/a|0(?![.\d])|0\.0*(?!\d)|0%|incorrect|wrong|нет|不|否|いいえ)\b
      | ^[\s"'*:=—–|)-]*[❌❎✗✘✖🚫☐⬜]
      | ^\s*\p{{Han}}{{0,4}}[不没沒]
      | ^[^,、。.\n;]*(?: ない|なく|ません|なかっ|아니|아닙|아닌|않|없|नहीं|নয়|না|కాదు|அல்ல|இல்லை
          |\b(?:değil\w*|yok|نیست|نہیں|емес|emas|биш)\b )
    """,
    regex.I | regex.X,
)
_OTHERS_NOT = regex.compile(r"(?:,|\s|\band\b|\bbut\b)*(?:\bnot|不是|而不是|而非|\bnicht|\bpas|\bno|\bне)\W*$", regex.I)


def denied(before: str, after: str, *, followed: bool = False) -> bool:
    """Whether a name is denied, doubted, conditional or merely repeated from the question.

    `before` and `after` are the rest of its sentence; `followed`: `after` ends at another name, whose "not" it may hold.
    """
    clause = _ASSURANCE.sub(" ", before)
    turns = list(_TURN.finditer(clause))
    clause = clause[turns[-1].end() :] if turns else clause
    if followed:
        after = _OTHERS_NOT.sub("", after)
    return bool(_BEFORE_DENIES.search(clause) or _AFTER_DENIES.search(after))


def left_dangling(line: str) -> bool:
    """Whether `line` breaks off after a negation, which then holds for the next line."""
    return bool(_DANGLING.search(line))


# ------------------------------------------------------------------------------------------------ the answer

_NOUN = r"""
    answer|label|choice|class|classification|category|sentiment|tone|emotion|mood|verdict|prediction|result|output|conclusion
  | decision|tag|topic|rating|score|grade|response|selection|intent|type|polarity|judge?ment|stance|option|level
  | antwort|kategorie|klasse|ergebnis|bewertung|stimmung|einstufung|réponse|étiquette|catégorie|classe|résultat|respuesta
  | etiqueta|categoría|sentimiento|resultado|clasificación|resposta|categoria|sentimento|classificação|risposta|etichetta
  | antwoord|svar|odpowiedź|kategoria|etykieta|cevap|yanıt|etiket|duygu|jawaban|câu\s+trả\s+lời|nhãn|vastaus|odpověď|válasz
  | ответ|метка|категория|класс|тональность|результат|відповідь|απάντηση|ετικέτα|κατηγορία
  | الإجابة|الجواب|التصنيف|الفئة|תשובה|תווית|קטגוריה|उत्तर|लेबल|श्रेणी|پاسخ|برچسب
"""
_NOUN_INSIDE = (
    r"答案|回答|答え|ラベル|分類|カテゴリー?|感情|极性|标签|標籤|类别|類別|分类|情感|结果|정답|답변|답|라벨|레이블|분류|감정|คำตอบ|ป้ายกำกับ"
)
_NOUNS = r"answers|labels|choices|classes|categories|tags|topics|options|emotions|kategorien|labels|этикетки|категории|метки"
_PRAISE = r"""
    the|my|your|its|final|correct|best|most|likely|appropriate|suitable|fitting|predicted|overall|chosen|selected|right|proper
  | assigned|main|primary|dominant|true|general|single|resulting|a|la|le|die|das|der|el|finale?|endgültige|meine?
"""
_IS = r"is|was|are|were|would\s+be|should\s+be|must\s+be|will\s+be|ist|sind|lautet|est|es|è|é|sería|serait|является"
_ANSWER = regex.compile(
    rf"""(?: ^ | [\n.!?;,:(>|"'*_#—–-] | \b(?:so|thus|hence|therefore|that|think|believe|and|say|conclude|conclusion)\b )
        [\s"'*_\#>|(\[]*+ (?: (?P<final>final|conclusion|endgültige|最终|最終|최종) [\s*_-]*+ | (?:{_PRAISE})\s++ ){{0,5}}
        (?: (?P<plural>{_NOUNS}) | (?:{_NOUN})\b\s*\#?\d{{0,2}} | (?:{_NOUN_INSIDE}) )
        (?: \s+(?:of|for|in|to|about|expressed\s+in|conveyed\s+by|de|del|des|der|du|für|van)\s+(?:[\w'-]++\s+){{0,5}}?[\w'-]++ )?
        [\s"'*_`)\]”]*? (?: [:=|] | -+> | [→⇒] | \s(?:{_IS})\b\s*:? | \n | は | 是 | 为 | 為 | [은는]\s )
    """,
    regex.I | regex.X,
)
_ACT = regex.compile(
    r"""\b(?: classif(?:y|ied|ies) | categori[sz]e[ds]? | labell?ed | tagged | rate[ds]? | described | identified | considered
          | characteri[sz]ed | choose | chose | pick | select(?:ed)? | go(?:ing)?\s+with | say | assign(?:ed)? | mark(?:ed)?
          | falls? | belongs? )\b
        (?: \s+(?: this|that|it|it's|the|a|an|my|your|given|above|text|review|tweet|comment|message|sentence|statement|post
          |passage|email|document|article|image|receipt|label|category|answer|option|class|is|as|be|to|with|would|under|in
          |into|of|best )\b ){0,7}
    """,
    regex.I | regex.X,
)
_FILLER = regex.compile(
    r"""[\W☑✅✓✔]*+ (?: (?:clearly|definitely|most|likely|probably|therefore|thus|best|the|a|an|indeed|simply|overall|as|is
      |classified|described|option|label|class|category|choice|letter|number|rather|very|slightly|strongly|one|be|to) \W++ ){0,5}""",
    regex.I | regex.X,
)
_CONCLUSION = regex.compile(
    r"""^\W*(?:therefore|thus|hence|overall|so|in\s+(?:conclusion|summary|short|sum)|to\s+(?:sum\s+up|conclude)|all\s+in\s+all
      |ultimately|on\s+balance|consequently|conclusion|fazit|insgesamt|daher|en\s+résumé|donc|en\s+conclusi[óo]n|итак|в\s+итоге
      |таким\s+образом)\b | ^\W*(?:综上|总的来说|总之|因此|所以|したがって|よって|따라서|결론)""",
    regex.I | regex.X,
)


class Heads:
    """Where a text announces its answer: after "The answer is", "Label:", "I would classify this as"."""

    def __init__(self, text: str) -> None:
        self._text = text
        announced = [(head.end(), bool(head["final"]), bool(head["plural"])) for head in _ANSWER.finditer(text)]
        acted = [(head.end(), False, False) for head in _ACT.finditer(text)]
        self.ends = sorted(announced + acted)

    def before(self, start: int) -> tuple[bool, bool] | None:
        """Whether the head right before `start` is (final, plural); None when there is none."""
        place = bisect_right(self.ends, start, key=itemgetter(0))
        end, final, plural = self.ends[place - 1] if place else (-100, False, False)
        return (final, plural) if start - end < 80 and _FILLER.fullmatch(self._text, end, start) else None


def concludes(sentence: str) -> bool:
    """Whether `sentence` begins as a conclusion does ("Overall, …")."""
    return bool(_CONCLUSION.search(sentence))


# ------------------------------------------------------------------------------------------------ the whole reply

_REFUSAL = regex.compile(
    r"\b(?:i'm|i am) (?:\w+ )?(?:sorry|unable|not able)|\bi (?:can't|cannot|can not|won't|will not) |\bas an ai\b|\bi apologi[sz]e",
    regex.I,
)
_REVISION = regex.compile(
    r"\b(?:wait|actually|on second thoughts?|correction|scratch that|i meant?|my mistake|hmm+|let me re\w+|edit)\b", regex.I
)
_NEXT_TASK = regex.compile(
    r"^[\W_]*(?:text|input|review|tweet|sentence|question|user|human|instructions?|prompt|q|example)\s*\d*\W{0,3}:", regex.I | regex.M
)


def refuses(text: str) -> bool:
    """Whether the model excuses itself."""
    return bool(_REFUSAL.search(text, 0, 2000))


def revises(text: str) -> bool:
    """Whether the model changes its mind on the way."""
    return bool(_REVISION.search(text))


def next_task(text: str) -> int:
    """Where a small model goes on with a task of its own making ("Text: …"); the end of `text` if it does not."""
    found = _NEXT_TASK.search(text)
    return found.start() if found else len(text)
