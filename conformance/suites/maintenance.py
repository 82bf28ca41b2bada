"""Maintenance configurations by the unmodified az, and the preview of their windows.

Expected: aks-semantics MW-1 to MW-3; the fields that az prints; windows by Python's own calendar. Windows open in virtual time only in the
tests of the rehearsal: a live one needs fifteen minutes of notice.
"""
import datetime as dt

from harness.suite import holds, same, test

AUTO, NODE_OS = "aksManagedAutoUpgradeSchedule", "aksManagedNodeOSUpgradeSchedule"


def az(b, verb, *arguments):
    """`az aks maintenanceconfiguration`."""
    return b.az("aks", "maintenanceconfiguration", verb, "-g", "lanes", "--cluster-name", "dev", *arguments)


def runs(b, name):
    """The windows that are previewed."""
    return b.nodelane("maintenance", "runs", "-g", "lanes", "--cluster-name", "dev", "-n", name, "-o", "json").ok().json


@test
def there_is_none_at_first_and_one_is_added_shown_listed_changed_and_deleted(b):
    same(az(b, "list").ok().json, [], "at first")
    weekly = ("--schedule-type", "Weekly", "--day-of-week", "Friday", "--interval-weeks", "3", "--duration", "8", "--utc-offset=+05:30",
              "--start-date", "2026-01-01", "--start-time", "00:00")
    added = az(b, "add", "-n", AUTO, *weekly).ok().json
    window = added["maintenanceWindow"]
    shown = [window[key] for key in ("durationHours", "startDate", "startTime", "utcOffset")]
    same(shown, [8, "2026-01-01", "00:00", "+05:30"], "what was added")
    same(window["schedule"]["weekly"], {"dayOfWeek": "Friday", "intervalWeeks": 3}, "the schedule")
    same(az(b, "show", "-n", AUTO).ok().json["maintenanceWindow"], added["maintenanceWindow"], "show")
    same([entry["name"] for entry in az(b, "list").ok().json], [AUTO], "list")
    changed = az(b, "update", "-n", AUTO, "--schedule-type", "Daily", "--interval-days", "2", "--duration", "4", "--start-time", "22:00").ok().json
    same(changed["maintenanceWindow"]["schedule"]["daily"], {"intervalDays": 2}, "update replaces the whole")
    same(changed["maintenanceWindow"]["utcOffset"], "+00:00", "and fills in what is not given")
    az(b, "delete", "-n", AUTO).ok()
    az(b, "show", "-n", AUTO).failed(3)
    az(b, "delete", "-n", AUTO).ok()


@test
def the_weekly_hours_of_old_are_taken(b):
    added = az(b, "add", "-n", "default", "--weekday", "Monday", "--start-hour", "1").ok().json
    same([(slot["day"], slot["hourSlots"]) for slot in added["timeInWeek"]], [("Monday", [1])], "the slot")
    [first, second, *_] = runs(b, "default")["next"]
    start, end = (dt.datetime.fromisoformat(first[key]) for key in ("start", "end"))
    same((start.weekday(), start.hour, end - start), (0, 1, dt.timedelta(hours=1)), "Monday, 01:00, an hour")
    same(dt.datetime.fromisoformat(second["start"]) - start, dt.timedelta(days=7), "every week")
    az(b, "delete", "-n", "default").ok()


@test
def what_aks_refuses_is_refused(b):
    az(b, "add", "-n", NODE_OS, "--schedule-type", "Daily", "--interval-days", "8", "--duration", "4", "--start-time", "22:00").failed(None, "intervalDays")
    az(b, "add", "-n", NODE_OS, "--schedule-type", "Daily", "--interval-days", "1", "--duration", "3", "--start-time", "22:00").failed(None, "durationHours")


@test
def the_preview_shows_ten_windows_and_why_nothing_will_be_done_in_one(b):
    now = dt.datetime.now(dt.timezone.utc)
    # A window that has begun an hour ago begins less than fifteen minutes after it was configured.
    begun = (now - dt.timedelta(hours=1)).strftime("%H:00")
    az(b, "add", "-n", NODE_OS, "--schedule-type", "Daily", "--interval-days", "1", "--duration", "4", "--start-time", begun,
       "--start-date", (now - dt.timedelta(days=2)).strftime("%Y-%m-%d")).ok()
    shown = runs(b, NODE_OS)["next"]
    same(len(shown), 10, "ten windows")
    holds("less than 15 minutes after it was configured" in shown[0]["skipped"], "the first is passed over")
    same([entry["skipped"] for entry in shown[1:]], [None] * 9, "the others are not")
    starts = [dt.datetime.fromisoformat(entry["start"]) for entry in shown]
    same({later - earlier for earlier, later in zip(starts, starts[1:])}, {dt.timedelta(days=1)}, "one a day")
    table = b.nodelane("maintenance", "runs", "-g", "lanes", "--cluster-name", "dev", "-n", NODE_OS).ok().out
    holds(shown[1]["start"] in table, "the table")
    az(b, "delete", "-n", NODE_OS).ok()
