"""Which entities look as if they told what the grid asks for, by their names."""

from typing import Final

from homeassistant.core import HomeAssistant, State, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.util import slugify

from .event_pair import is_begin
from .reading import NO_POWER, class_of
from .settings import KINDS

_WORDS: Final = (
    # Everywhere: EEBus' limit of consumption, a heat pump's contact.
    *("lpc_", "sg_ready", "sgready", "eebus"),
    # English
    *("saving_session", "free_electricity", "octoplus", "axle_", "peak_", "flex_"),
    *("power_limit", "consumption_limit", "import_limit", "grid_limit", "grid_event"),
    *("demand_response", "load_shed", "load_control", "curtail", "ripple_control"),
    # German: section 14a, the ripple control receiver, times when a heat pump rests
    *("14a_", "ss14a_", "enwg", "rundsteuer", "tonfrequenz", "netzbetreiber", "evu_"),
    *("dimmung", "dimmen_", "dimmbefehl", "gedimmt", "lastabwurf", "sperrzeit"),
    *("leistungsbegrenzung", "bezugslimit", "steuerbox", "fnn_", "hochlast"),
    # Dutch
    *("netbeheerder", "toonfrequent", "piekuren", "vermogenslimiet", "netcongestie"),
    *("vermogensbegrenzing", "capaciteitslimiet", "afschakel"),
    # French: ripple control, load shedding, the peak days of a tariff
    *("delestage", "effacement", "pulsadis", "ejp_", "jour_rouge", "tempo_rouge"),
    *("limite_de_puissance", "puissance_limite", "gestionnaire_de_reseau"),
    # Swedish, Danish and Norwegian, as far as they are not alike
    *("effektbegrans", "effektbegraens", "effektbegrens", "laststyr", "rundstyr"),
    *("effekttopp", "topplast", "spidslast", "natagare", "netselskab", "nettselskap"),
    *("utkobling", "forbrukningsgrans"),
    # Finnish
    *("kuormanohjaus", "tehoraj", "tehonrajoit", "kysyntajousto", "verkkoyhtio"),
    # Italian
    *("limite_di_potenza", "limite_potenza", "distacco_caric", "gestione_caric"),
    *("distributore_rete", "gestore_rete"),
    # Spanish
    *("limite_de_potencia", "limite_potencia", "deslastre", "gestion_de_demanda"),
    *("respuesta_a_la_demanda", "hora_punta", "horas_punta"),
)
"""How such entities begin to be called, or one of their words; `_` ends a word."""
_PLATFORMS: Final = frozenset({"axle_energy", "hydroquebec_peak", "electric_kiwi"})
"""Integrations that tell such events, whatever they are called."""
_ALL_DAY: Final = ("peak_today", "peak_tomorrow")
"""What is on for whole days in which there is an event."""


@callback
def find(hass: HomeAssistant, own_domain: str) -> list[State]:
    """Return the entities that look as if they told what the grid asks for."""
    registry = er.async_get(hass)
    found: list[State] = []
    for state in hass.states.async_all(tuple(KINDS)):
        entry = registry.async_get(state.entity_id)
        platform = "" if entry is None else entry.platform
        if platform != own_domain and _looks_like(state, platform):
            found.append(state)
    return found


def _looks_like(state: State, platform: str) -> bool:
    if state.domain == "calendar":
        return True
    if class_of(state) in NO_POWER and not is_begin(state):
        return False
    if any(word in state.entity_id for word in _ALL_DAY):
        return False
    if is_begin(state) and platform in _PLATFORMS:
        return True
    # Both: an id may be that of a contact, and a name one in letters of its own.
    called = f"_{state.entity_id.partition('.')[2]}_{slugify(state.name)}_"
    return any(f"_{word}" in called for word in _WORDS)
