use super::table::TABLE;
use super::*;

use Class::*;

const APP: Class = Throttle(Scope::App);
const OWN: Class = Throttle(Scope::Business);

/// Codes with their subcodes.
type Numbers = &'static [(i64, Option<i64>)];

/// What each number must mean, written a second time by hand from Meta's documents: class by class.
const EXPECTED: &[(Class, Numbers)] = &[
    (
        Transient,
        &[
            (1, None),
            (1, Some(99)),
            (2, None),
            (100, Some(1_504_018)),
            (960, None),
            (1_404_006, None),
            (3_910_001, None),
            (3912, None),
            (3919, None),
        ],
    ),
    (APP, &[(4, None), (4, Some(1_504_022)), (4, Some(1_504_039)), (341, None)]),
    (
        OWN,
        &[
            (17, None),
            (17, Some(2_446_079)),
            (17, Some(1_885_172)),
            (32, None),
            (613, None),
            (613, Some(1996)),
            (613, Some(1_487_742)),
            (613, Some(5_044_001)),
            (613, Some(1_487_225)),
            (613, Some(1_487_632)),
            (80_000, Some(2_446_079)),
            (80_001, Some(2_494_055)),
            (80_002, None),
            (80_003, Some(2_446_079)),
            (80_004, Some(2_446_079)),
            (80_005, None),
            (80_006, None),
            (80_007, None),
            (80_008, None),
            (80_009, None),
            (80_014, None),
            (133_016, None),
        ],
    ),
    (
        Auth,
        &[
            (102, None),
            (102, Some(458)),
            (102, Some(459)),
            (102, Some(460)),
            (102, Some(463)),
            (102, Some(464)),
            (102, Some(467)),
            (104, None),
            (190, None),
            (190, Some(458)),
            (190, Some(459)),
            (190, Some(460)),
            (190, Some(463)),
            (190, Some(464)),
            (190, Some(467)),
            (190, Some(777)),
            (452, None),
            (457, None),
        ],
    ),
    (
        Permission,
        &[
            (1, Some(2_853_006)),
            (3, None),
            (10, None),
            (10, Some(2_859_030)),
            (102, Some(492)),
            (190, Some(492)),
            (200, None),
            (200, Some(2_655_040)),
            (210, None),
            (230, None),
            (255, None),
            (270, None),
            (273, None),
            (294, None),
            (299, None),
            (415, None),
            (3913, None),
            (3948, None),
            (3977, None),
            (3982, None),
            (3998, None),
            (100, Some(1_690_138)),
            (100, Some(1_690_192)),
            (100, Some(2_859_040)),
        ],
    ),
    (
        State,
        &[
            (33, None),
            (100, Some(33)),
            (100, Some(2_388_010)),
            (804, None),
            (3918, Some(1_690_024)),
            (3918, None),
            (1_690_024, None),
            (100, Some(1_690_024)),
            (3936, None),
            (3944, None),
            (3946, None),
            (3989, None),
            (3996, None),
            (100, Some(1_690_165)),
            (136_024, None),
            (100, Some(2_446_880)),
        ],
    ),
    (
        Permanent,
        &[
            (100, None),
            (100, Some(1_752_100)),
            (100, Some(1_752_129)),
            (110, None),
            (200, Some(2_069_030)),
            (200, Some(2_069_031)),
            (200, Some(2_069_033)),
            (370, None),
            (371, None),
            (413, None),
            (506, None),
            (803, None),
            (2500, None),
            (2620, None),
            (2635, None),
            (1_404_163, None),
            (3914, None),
            (3947, None),
            (3949, None),
            (3965, None),
            (3962, None),
            (3973, None),
            (3974, None),
            (3979, None),
            (3980, None),
            (3994, None),
            (42_000, None),
            (42_001, None),
            (42_004, None),
            (104_001, None),
            (2_310_019, None),
            (1_690_062, None),
            (1_690_090, None),
            (1_690_091, None),
            (1_690_111, None),
            (1_690_232, None),
            (1_752_089, None),
            (3910, None),
            (3911, None),
            (3999, None),
            (4100, None),
            (-1, None),
            (7, None),
        ],
    ),
    (Abuse, &[(368, None), (1_404_078, None), (2_859_015, None), (10, Some(2_859_015))]),
    (NeedsPageToken, &[(190, Some(2_069_032))]),
    (CursorExpired, &[(2642, None)]),
];

#[test]
fn every_number_has_the_class_that_the_documents_say() {
    for (class, numbers) in EXPECTED {
        for (code, subcode) in *numbers {
            let row = classify(*code, *subcode, Some(false));
            assert_eq!(row.class, *class, "{code}/{subcode:?} is {row:?}");
        }
    }
}

#[test]
fn every_row_of_the_table_is_expected_above_and_found_by_its_numbers() {
    for row in TABLE {
        let (code, subcode) = (row.code.or(row.subcode).unwrap(), row.code.and(row.subcode));
        assert_eq!(classify(code, subcode, Some(false)), row, "another row hides {row:?}");
        let named =
            EXPECTED.iter().flat_map(|(_, numbers)| *numbers).any(|(c, s)| classify(*c, *s, Some(false)) == row);
        assert!(named, "no expectation names {row:?}");
    }
}

#[test]
fn every_remedy_is_a_sentence() {
    for row in TABLE {
        let right = row.remedy.len() > 20 && row.remedy.ends_with('.') && row.remedy.starts_with(char::is_uppercase);
        assert!(right, "{row:?} has no remedy");
    }
}

#[test]
fn what_only_a_person_can_do_says_where_to_click() {
    for code in [415, 3914, 3948, 42_000, 42_001] {
        let row = classify(code, None, Some(true));
        assert_eq!(row.category, Category::NeedsHuman, "{row:?}");
        assert!(row.remedy.contains(" > "), "{row:?} names no path");
    }
}

#[test]
fn metas_own_hint_beats_an_unknown_number_and_no_known_one() {
    assert_eq!(classify(7, None, Some(true)).class, Transient);
    assert_eq!(classify(7, None, None).class, Permanent);
    assert_eq!(classify(-3, Some(5), Some(true)).class, Transient);
    let known = [(190, None), (10, Some(2_859_030)), (100, None), (368, None), (250, None), (3999, None), (3918, None)];
    for (code, subcode) in known {
        let row = classify(code, subcode, Some(true));
        assert_ne!(row.class, Transient, "is_transient overruled {code}/{subcode:?}");
    }
}

#[test]
fn a_dead_page_token_or_a_lost_role_never_kills_a_credential() {
    for subcode in [492, 2_069_032] {
        assert_ne!(classify(190, Some(subcode), Some(false)).class, Auth, "190/{subcode}");
    }
}

#[test]
fn a_number_that_nobody_knows_is_told_from_one_that_is_permanent() {
    assert!(is_unknown(classify(7, None, Some(false))));
    assert!(!is_unknown(classify(100, None, Some(false))));
    assert!(!is_unknown(classify(3999, None, Some(false))));
}
