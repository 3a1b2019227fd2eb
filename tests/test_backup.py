"""A backup that is made while a car is charging holds all sessions."""

from pathlib import Path
import shutil

from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.ocpp_charging.backup import async_post_backup, async_pre_backup
from custom_components.ocpp_charging.ledger_journal import LedgerJournal, file_database
from simulator import Car

from .conftest import DOMAIN, Simulated, charger_of, wait_for_charger


def copy_database(source: Path, name: str, target: Path) -> None:
    """Copy a database's files, as a backup of the folder does."""
    target.mkdir()
    for file in source.glob(f"{name}*"):
        if not file.name.endswith("-shm"):
            shutil.copy(file, target / file.name)


async def test_a_copy_made_during_a_backup_holds_what_was_kept_before(
    hass: HomeAssistant,
    charger_entry: MockConfigEntry,
    simulated: Simulated,
    tmp_path: Path,
) -> None:
    charge_point = await simulated(charger_entry)
    await charge_point.plug(1, Car())
    await charge_point.present_tag(1, "CARD")
    charger = charger_of(charger_entry)
    await wait_for_charger(charger, lambda one: one.connectors[1].transaction)

    await async_pre_backup(hass)
    name = f"{DOMAIN}_{charger_entry.entry_id}.db"
    copies = tmp_path / "copies"
    copy_database(Path(hass.config.config_dir), name, copies)
    await charge_point.stop_locally(1)
    await wait_for_charger(charger, lambda one: not one.connectors[1].transaction)
    await async_post_backup(hass)

    journal = LedgerJournal(file_database(copies, name), central=charger_entry.entry_id)
    await journal.async_load()
    (session,) = await journal.ledger.sessions()
    assert session.id_tag == "CARD"
    await journal.async_close()
