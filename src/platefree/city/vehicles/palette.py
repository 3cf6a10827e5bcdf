"""The materials of everything that is not painted by projection maps."""

from platefree.city.scene import Material, Part
from platefree.city.vehicles.stuff import Color, Stuff, linear
from platefree.city.vehicles.vehicle_identity import Identity


def materials_of(identity: Identity) -> tuple[Material, ...]:
    """The materials of one vehicle, in the order of `Stuff`."""
    rider = identity.rider
    paint = identity.paint.color
    rim: Color = (0.48, 0.49, 0.50) if not identity.dark_rims else (0.03, 0.03, 0.032)
    flaky = 0.25 * (identity.paint.flake > 0.2)
    table = {
        Stuff.WELL: Material((0.012, 0.012, 0.012), 0.95),
        Stuff.TYRE: Material((0.022, 0.022, 0.023), 0.9, part=Part.WHEEL),
        Stuff.RIM: Material(rim, 0.28, 0.75, Part.WHEEL),
        Stuff.WHEEL_DARK: Material((0.02, 0.02, 0.02), 0.8, part=Part.WHEEL),
        Stuff.TRIM: Material((0.016, 0.016, 0.017), 0.6),
        Stuff.CHROME: Material((0.62, 0.63, 0.64), 0.12, 1.0),
        Stuff.MIRROR: Material((0.30, 0.34, 0.38), 0.05, 0.9),
        Stuff.PANEL: Material(paint, 0.16, flaky),
        Stuff.SEAT: Material(linear(identity.seats), 0.8),
        Stuff.CABIN: Material((0.02, 0.02, 0.021), 0.85),
        Stuff.SKIN: Material(linear(rider.skin), 0.6, part=Part.RIDER),
        Stuff.TOP: Material(linear(rider.top), 0.9, part=Part.RIDER),
        Stuff.LEGS: Material(linear(rider.legs), 0.9, part=Part.RIDER),
        Stuff.HELMET: Material(linear(rider.helmet), 0.18, part=Part.RIDER),
        Stuff.VISOR: Material((0.02, 0.022, 0.025), 0.08, part=Part.RIDER),
        Stuff.PACK: Material(linear(rider.pack), 0.85, part=Part.LOAD),
        Stuff.SHOES: Material(linear(rider.shoes), 0.8, part=Part.RIDER),
        Stuff.HEAD_LAMP: Material((0.72, 0.75, 0.78), 0.1, 0.3, Part.LIGHT, 4.0),
        Stuff.TAIL_LAMP: Material((0.40, 0.012, 0.015), 0.12, part=Part.LIGHT, glow=2.5),
        Stuff.AMBER: Material((0.70, 0.24, 0.02), 0.2, part=Part.LIGHT),
        Stuff.PLATE: Material((0.88, 0.88, 0.87), 0.55, part=Part.PLATE),
        Stuff.ITEM: Material(linear(identity.item_color), 0.8),
        Stuff.OTHER_ITEM: Material(linear(identity.other_item_color), 0.8),
        Stuff.TAG: Material(linear(identity.tag_color), 0.7),
        Stuff.LOAD: Material(linear(identity.load_color), 0.8, part=Part.LOAD),
        Stuff.OTHER_LOAD: Material((0.28, 0.19, 0.11), 0.9, part=Part.LOAD),
        Stuff.RACK: Material((0.03, 0.03, 0.032), 0.4, 0.3),
        Stuff.ENGINE: Material((0.10, 0.10, 0.105), 0.45, 0.6),
        Stuff.PASSENGER_TOP: Material(linear(rider.passenger_top), 0.9, part=Part.RIDER),
        Stuff.PASSENGER_LEGS: Material(linear(rider.passenger_legs), 0.9, part=Part.RIDER),
        Stuff.PASSENGER_HELMET: Material(linear(rider.passenger_helmet), 0.2, part=Part.RIDER),
        Stuff.HAIR: Material((0.012, 0.010, 0.009), 0.55, part=Part.RIDER),
        Stuff.CASE: Material(linear(rider.case), 0.35, part=Part.LOAD),
        Stuff.SADDLE: Material(linear(identity.saddle), 0.65),
        Stuff.BADGE: Material((0.55, 0.56, 0.58), 0.15, 0.9, Part.BRAND),
        Stuff.STRIPE: Material(linear(identity.stripe_color), 0.3),
        Stuff.SCREEN: Material((0.05, 0.055, 0.06), 0.06),
        Stuff.STRAP: Material((0.02, 0.02, 0.02), 0.9, part=Part.LOAD),
        Stuff.OTHER_PANEL: Material(linear(identity.second_color), 0.25),
        Stuff.BOX_WALL: Material(linear(identity.box_color), 0.45),
        Stuff.LINER: Material((0.022, 0.022, 0.023), 0.8),
    }
    return tuple(table[stuff] for stuff in Stuff)
