"""What the names of columns and files say, in several languages."""

from __future__ import annotations

import re
import unicodedata


def word_set(words: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(words.split())


SURE = word_set(
    "target label labels class classes klasse y outcome ziel zielwert zielgroesse zielvariable "
    "clase classe etiqueta etichetta etiquette cible objetivo obiettivo response ground_truth gt "
    "truth dependent is_fraud classification output"
)
LIKELY = word_set(
    "species survived quality price preis miete kaufpreis kaltmiete warmmiete gesamtmiete rent "
    "saleprice sale_price sales salary income gehalt lohn einkommen churn churned exited "
    "attrition fraud spam sentiment rating score stars medv mpg cnt count demand diagnosis "
    "disease malignant cancer variety sorte art category kategorie genre digit loan_status "
    "approved subscribed deposit result win winner won stroke diabetes precio prix prezzo prijs "
    "pris loyer alquiler affitto qualitaet ueberlebt ergebnis umsatz revenue kuendigung "
    "gekuendigt consumption verbrauch yield ertrag charges kosten costs verkaufspreis "
    "median_house_value house_value default defaulted readmitted converted clicked is_canceled "
    "canceled cancelled satisfaction overall_rating toxicity is_spam heart_disease mortality "
    "death died event verkaufte_stueck wert zustand befund qualite calidad qualita sopravvissuto "
    "survecu precio_venta valor intent emotion topic potability purchased clicks clicked_on_ad "
    "play_tennis buys_computer tip fare_amount trip_duration sold strength life_expectancy"
)
# those that nothing but a target is called
OUTCOMES = word_set(
    "target survived churned exited readmitted defaulted converted ueberlebt sopravvissuto survecu"
)
# those that say little at the end of a longer name, as "product_category"
VAGUE = word_set(
    "category kategorie art genre event result ergebnis wert valor zustand default rating score "
    "stars count digit win won play status grade note topic tip sold died"
)
# targets whose whole numbers are amounts or grades, and no classes
AMOUNTS = word_set(
    "price preis miete rent sales salary income gehalt lohn quality qualitaet rating score stars "
    "medv mpg cnt count demand umsatz revenue verbrauch consumption yield ertrag charges kosten "
    "costs prix prezzo precio wert value amount age alter rings quantity number menge anzahl "
    "kaltmiete warmmiete kaufpreis gesamtmiete saleprice qualite calidad qualita"
)
GROUPS = word_set(
    "patient subject user customer client kunde kunden session household family person "
    "participant proband member account donor animal driver student employee visitor player owner "
    "haushalt sitzung nutzer benutzer versuchsperson paciente cliente usuario teilnehmer mitglied "
    "schueler fahrer"
)
IDS = word_set("id ids uid uuid guid nr no num nummer key idx rowid rownum pk code")
COUNTERS = word_set(
    "id index idx row row_number rownames rn nr no num lfd lfdnr lfd_nr laufnummer obs case "
    "sample unnamed unnamed_0 key record number nummer zeile"
)
POSTAL = word_set("zip zipcode zip_code plz postal postcode postal_code postleitzahl cp cap")
FREE = word_set(
    "name names vorname nachname first_name last_name full_name surname title titel comment "
    "comments kommentar description beschreibung text review address adresse strasse street email "
    "e_mail mail phone telefon telephone url link website ticket note notes bemerkung notizen"
)
TIMES = word_set(
    "year jahr month monat day tag date datum time zeit hour stunde week woche t timestamp ano "
    "annee"
)
HOURS = word_set("hr hour hours stunde std hora heure ora h")
SPLITS = word_set("split set fold subset partition usage teil")
ROLES = {
    **dict.fromkeys(word_set("train training tr trainset learn"), "train"),
    **dict.fromkeys(word_set("val valid validation dev eval valset"), "val"),
    **dict.fromkeys(word_set("test testing te testset holdout"), "test"),
}
ANSWERS = word_set("submission submit")
ACCENTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def words_of(name: str) -> list[str]:
    """The words of a name in lower case, without accents: of "medianHouse-Value" three."""
    apart = CAMEL.sub("_", name).lower().translate(ACCENTS)
    plain = unicodedata.normalize("NFKD", apart).encode("ascii", "ignore").decode()
    return [word for word in re.split(r"[^a-z0-9]+", plain) if word]


def is_one_of(name: str, known: frozenset[str]) -> bool:
    """Whether a name is one of some words, its words joined by '_' or by nothing."""
    words = words_of(name)
    return "_".join(words) in known or "".join(words) in known


def ends_in(name: str, known: frozenset[str]) -> bool:
    """Whether the last word of a name is one of some words."""
    words = words_of(name)
    return bool(words) and (words[-1] in known or "_".join(words[-2:]) in known)


def has_one_of(name: str, known: frozenset[str]) -> bool:
    """Whether a word of a name is one of some words."""
    return any(word in known for word in words_of(name))


def is_id(name: str) -> bool:
    """Whether a name is that of what tells things apart."""
    words = words_of(name)
    return bool(words) and (words[-1] in IDS or words[0] == "id" or words == ["index"])


def is_group(name: str) -> bool:
    """Whether a name is that of what several rows may belong to: a patient, a customer."""
    words = words_of(name)
    if not words:
        return False
    is_bare = len(words) == 1 and (words[0] in GROUPS or _glued(words[0]))
    return is_bare or (words[-1] in IDS and any(word in GROUPS for word in words[:-1]))


def _glued(word: str) -> bool:
    return any(word == f"{one}{end}" for one in GROUPS for end in ("id", "nr", "no", "uuid"))


def role_of(stem: str) -> str:
    """train, val or test where the name of a file or folder says so; else ""."""
    words = words_of(stem)
    roles = [ROLES[word] for word in words if word in ROLES]
    return roles[0] if len(set(roles)) == 1 else ""


def without_role(stem: str) -> str:
    """The words of a name that say nothing of a role."""
    return "_".join(word for word in words_of(stem) if word not in ROLES)
