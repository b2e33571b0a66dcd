"""Texts that stress a byte-level tokenizer: scripts, spaces, emoji, edges."""

TEXTS = [
    "",
    " ",
    "a",
    "Package: tmux-helper\nSection: admin\nDescription: terminal multiplexer",
    "Hello, world! It's 2026; they'll say we've DON'T'VE  'S 's",
    "  leading, trailing  and   inner    spaces  ",
    "tabs\tand\r\nline\n\n\nends \n \n x\n",
    "0 12 345 6789 1234567 3.14159 1,000,000 ½ ² Ⅷ ٣٤٥ ๑๒",
    "naïve façade Žluťoučký kůň ĐÀ NẴNG ÅNGSTRÖM ﬁ ß ſ K",
    "Съешь же ещё этих мягких французских булок, да выпей чаю.",
    "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία",
    "敏捷的棕色狐狸跳过了懒狗。これは日本語のテストです、ね。한국어 시험",
    "שלום עולם مرحبا بالعالم नमस्ते दुनिया สวัสดีชาวโลก ជំរាបសួរ",
    "👩‍👩‍👧‍👦 🇩🇪🇫🇷 👍🏽 ✈️ 🤷🏾‍♀️ e\u0301 a\u0308\u0304",
    "zero\u200bwidth\u200djoin\u2028line\u2029para\u00a0nbsp\u3000ideographic\u1680ogham",
    "\u0000\u0001\u001b[0m\u007f\u0080\u0085x\u00ad",
    "\U0001F600\U0010FFFF\uFFFD\uFEFF\uE000",
    "x = {'a': [1, 2.5e-3], \"b\": f(g(h))} // <!-- comment --> \\n #%&*()_+",
    "https://example.org/a/b?c=d&e=%20f#g user@example.org C:\\Temp\\*.txt",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "the the the theThe THE th\u0435 package packages PACKAGE-1.2.3~rc1+dfsg-4",
    "<|eos|>text<|eos|><|eos|> <|eos",
    "This package contains the development files needed to build programs.",
    "............,,,,,,,,,;;;;;;;;-------=====    \n\n    \t\t  end",
]

# What the tiny model continues.
PROMPTS = [
    "Package: tmux",
    "a",
    "naïve façade 👍🏽",
    "0 12 345",
    "the the the the the the the the the the the the the the the the",
    "x = {'a': [1, 2.5e-3]}",
]
