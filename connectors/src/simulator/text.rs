//! Names, titles and tags, with all that real ones hold: every script, emoji, quotes, line ends.

use super::random::Draw;

const FIRST: &[&str] = &[
    "misty", "iron", "pixel", "lucky", "night", "turbo", "silent", "golden", "crispy", "arctic", "neon", "sleepy",
    "rapid", "velvet", "cosmic", "wild",
];
const SECOND: &[&str] = &[
    "fox", "raven", "panda", "knight", "wizard", "otter", "falcon", "goblin", "samurai", "koala", "pirate", "badger",
    "tiger", "monk", "lynx", "yeti",
];
const FOREIGN: &[&str] = &["한동숙", "きりんch", "夜の狐", "ВолкИграет", "우왁굳", "加藤純一", "ほしの", "シロネコ"];
const TITLES: &[&str] = &[
    "chill stream, come say hi",
    "RANKED to the top | !prime !socials",
    "🔴 DROPS ON 🔴 24/7 marathon",
    "Erster Stream der Woche – Größtes Turnier überhaupt",
    "Новый сезон! Играем с подписчиками",
    "【雑談】おはようございます☀️ 初見さん歓迎",
    "오늘은 랭크전 달립니다!!",
    "مرحبا بكم في البث المباشر",
    "👨‍👩‍👧‍👦 family game night 👩🏽‍💻",
    "𝗧𝗛𝗘 𝗕𝗜𝗚 𝗙𝗜𝗡𝗔𝗟𝗘 𝘁𝗼𝗻𝗶𝗴𝗵𝘁",
    "he said \"gg\" \\ she said 'wp'",
    "line one\nline two",
    "",
    "¡Sorteo! ¿Quién gana? · señal en español",
    "Z\u{0335}a\u{0336}l\u{0334}g\u{0335}o night",
    "noob tries speedrun % any | day 4/100",
    "Poranna kawa ☕ i gry",
    "SUB GOAL 412/500 ❤️ !discord !merch !sens",
];
const TAGS: &[&str] = &[
    "English",
    "Deutsch",
    "Español",
    "Français",
    "русский",
    "한국어",
    "日本語",
    "Chill",
    "FPS",
    "Competitive",
    "ADHD",
    "LGBTQIAPlus",
    "Vtuber",
    "DropsEnabled",
    "NoBackseating",
    "Speedrun",
    "chill",
    "Playing with Viewers",
    "Gemütlich",
    "MMORPG",
];
/// The longest title, in characters.
const TITLE_MAX: usize = 140;

/// A login: ASCII and unique, since it ends in the channel's place in base 36.
pub(super) fn login(draw: Draw, index: u32) -> String {
    let first = FIRST[(draw.bits() % 16) as usize];
    let second = SECOND[(draw.bits() / 16 % 16) as usize];
    let mut suffix = Vec::new();
    let mut rest = index;
    while suffix.is_empty() || rest > 0 {
        suffix.push(char::from_digit(rest % 36, 36).unwrap_or('0'));
        rest /= 36;
    }
    format!("{first}{second}_{}", suffix.iter().rev().collect::<String>())
}

/// A display name: one in ten in another script, the others the login with capitals of the owner's choice.
pub(super) fn display_name(draw: Draw, login: &str, language: &str) -> String {
    let foreign = if matches!(language, "ko" | "ja" | "zh" | "ru") { 0.4 } else { 0.03 };
    if draw.chance(foreign) {
        let suffix = login.rsplit('_').next().unwrap_or_default();
        return format!("{}{suffix}", FOREIGN[(draw.bits() % FOREIGN.len() as u64) as usize]);
    }
    match draw.bits() % 4 {
        0 => login.to_owned(),
        1 => login.to_uppercase(),
        _ => {
            let mut characters = login.chars();
            characters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(characters).collect()
        }
    }
}

/// A title of at most 140 characters; sometimes empty.
pub(super) fn title(draw: Draw) -> String {
    let first = TITLES[draw.below(TITLES.len() as u64) as usize];
    if draw.bits() % 3 > 0 {
        return first.to_owned();
    }
    let second = TITLES[(draw.bits() / 3 % TITLES.len() as u64) as usize];
    format!("{first} | {second}").chars().take(TITLE_MAX).collect()
}

/// From none to ten different tags, four on average; `pick` draws the tag at a place.
pub(super) fn tags(draw: Draw, pick: impl Fn(u64) -> Draw) -> Vec<&'static str> {
    let count = (draw.below(6) + draw.bits() % 4).min(10);
    let mut tags: Vec<&'static str> = Vec::with_capacity(count as usize);
    for place in 0..count {
        let tag = TAGS[pick(place).below(TAGS.len() as u64) as usize];
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags
}
