//! How fractions are rounded and compared (filter chapter, section 5.2).

use std::cmp::Ordering;

use crate::test::Relation;

/// Digits after the point beyond which rounding changes nothing that a record can hold.
pub(crate) const MAX_PRECISION: u8 = 15;

/// Rounds half away from zero to `precision` decimal places. Keeps infinities, NaN and the sign of zero.
pub(crate) fn round(value: f64, precision: u8) -> f64 {
    let scale = 10f64.powi(i32::from(precision.min(MAX_PRECISION)));
    let scaled = value * scale;
    if scaled.is_finite() { scaled.round() / scale } else { value }
}

/// Compares two rounded values. `historic`: as 3.0.8.2, to which every zero is less than every other, and what is no
/// number not less than any.
#[inline]
pub(crate) fn relate(left: f64, relation: Relation, right: f64, precision: u8, historic: bool) -> bool {
    if left.is_nan() || right.is_nan() {
        return historic && relation == Relation::Ge;
    }
    match relation {
        Relation::Eq => {
            let near = left == right
                || (left - right).abs() <= 10f64.powi(-i32::from(precision.min(MAX_PRECISION)) - 1);
            near && (left != 0.0 || left.is_sign_negative() == right.is_sign_negative())
        }
        Relation::Gt => order(left, right, historic) == Ordering::Greater,
        Relation::Ge => order(left, right, historic) != Ordering::Less,
    }
}

/// Numeric order in which −0 comes just before +0.
fn order(left: f64, right: f64, zeros_differ: bool) -> Ordering {
    if left == 0.0 && right == 0.0 {
        if zeros_differ && left.is_sign_negative() == right.is_sign_negative() {
            return Ordering::Less;
        }
        return right.is_sign_negative().cmp(&left.is_sign_negative());
    }
    left.partial_cmp(&right).unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_away_from_zero_and_zeros_keep_their_sign() {
        assert_eq!(round(0.5, 0), 1.0);
        assert_eq!(round(-0.5, 0), -1.0);
        assert_eq!(round(1.23456789, 6), 1.234568);
        assert!(round(-0.0, 6).is_sign_negative());
        assert!(round(-1e-9, 6).is_sign_negative());
        assert_eq!(round(f64::INFINITY, 6), f64::INFINITY);
    }

    #[test]
    fn negative_zero_comes_just_before_zero() {
        let holds = |left, relation, right| relate(left, relation, right, 6, false);
        assert!(
            holds(0.0, Relation::Eq, 0.0) && holds(0.0, Relation::Ge, 0.0) && !holds(0.0, Relation::Gt, 0.0)
        );
        assert!(
            !holds(-0.0, Relation::Eq, 0.0)
                && !holds(-0.0, Relation::Ge, 0.0)
                && holds(0.0, Relation::Gt, -0.0)
        );
        assert!(holds(1.0, Relation::Gt, 0.0) && !holds(f64::NAN, Relation::Ge, 0.0));
        assert!(!relate(0.0, Relation::Ge, 0.0, 6, true), "3.0.8.2 calls 0 less than 0");
        assert!(relate(0.0, Relation::Eq, 0.0, 6, true));
        assert!(
            relate(f64::NAN, Relation::Ge, 1.0, 6, true) && !relate(f64::NAN, Relation::Gt, 1.0, 6, true)
        );
    }
}
