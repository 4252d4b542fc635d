use super::*;

fn account(number: u64) -> AccountId {
    AccountId::from_entropy(number)
}

/// Takes rooms until there are no more, and why there are none.
fn take_all(rooms: &Arc<Rooms>, number: u64, to: To) -> (Vec<Room>, CaptureError) {
    let mut taken = Vec::new();
    loop {
        match rooms.take(account(number), to) {
            Ok(room) => taken.push(room),
            Err(why) => return (taken, why),
        }
    }
}

#[test]
fn an_account_leaves_a_quarter_to_others() {
    for (all, share) in [(1, 1), (2, 1), (3, 2), (4, 3), (6, 4), (8, 6), (9, 6), (1024, 768)] {
        let rooms = Rooms::new(all);
        let (mine, why) = take_all(&rooms, 1, To::Asker);
        assert_eq!(mine.len(), share, "{all}");
        if all > 1 {
            assert!(
                matches!(why, CaptureError::Share { limit } if limit == share),
                "{why:?}"
            );
        }
        let (others, why) = take_all(&rooms, 2, To::Store);
        assert_eq!(others.len(), (all - share).min(share), "{all}");
        let expected = if all - share < share { "Busy" } else { "Share" };
        assert!(format!("{why:?}").starts_with(expected), "{all}: {why:?}");
        drop((mine, others));
        assert!(rooms.accounts.lock().is_empty());
        assert_eq!(rooms.all.available_permits(), all);
    }
}

/// What is over counts at once, and until it is dropped; with its room it counts sooner.
#[test]
fn what_is_not_delivered_keeps_its_account_from_more() {
    for keeps_room in [true, false] {
        let rooms = Rooms::new(16);
        let mut over = Vec::new();
        let why = loop {
            match rooms.take(account(1), To::Store) {
                Ok(room) => {
                    room.set_over();
                    if !keeps_room {
                        room.give_back();
                    }
                    over.push(room);
                }
                Err(why) => break why,
            }
        };
        let most = if keeps_room {
            UNDELIVERED_WITH_ROOM_MAX
        } else {
            UNDELIVERED_MAX
        };
        assert_eq!(over.len(), most);
        assert!(matches!(why, CaptureError::Overdue), "{why:?}");
        assert!(rooms.check(account(1), To::Store).is_err());
        assert!(rooms.check(account(2), To::Store).is_ok());
        // What goes to no store waits for none.
        assert!(rooms.take(account(1), To::Asker).is_ok());
        let elsewhere = rooms.take(account(1), To::StoreFromElsewhere);
        assert!(matches!(elsewhere, Err(CaptureError::Overdue)));
        // Twice is once.
        over[0].give_back();
        over[0].set_over();
        over.pop();
        assert!(rooms.take(account(1), To::Store).is_ok());
        drop(over);
        assert!(rooms.accounts.lock().is_empty());
    }
}

#[tokio::test]
async fn what_goes_on_after_a_kill_is_not_refused_and_counts() {
    let rooms = Rooms::new(4);
    let mut kept = Vec::new();
    for _ in 0..4 {
        let room = rooms.without(account(1));
        room.enter().await;
        kept.push(room);
    }
    assert!(matches!(
        rooms.take(account(1), To::Store),
        Err(CaptureError::Share { limit: 3 })
    ));
    assert!(matches!(rooms.take(account(2), To::Store), Err(CaptureError::Busy)));
    // One that asks its store counts, and takes no room before it enters.
    let asking = rooms.without(account(3));
    asking.set_over();
    kept.pop();
    assert_eq!(rooms.all.available_permits(), 1);
    asking.enter().await;
    assert_eq!(rooms.all.available_permits(), 0);
    drop(asking);
    assert_eq!(rooms.all.available_permits(), 1);
    // What waits on another host needs none.
    for number in 1..=2 {
        assert!(rooms.take(account(number), To::StoreFromElsewhere).is_ok());
    }
    let left: Vec<_> = (0..UNDELIVERED_MAX).map(|_| rooms.without(account(2))).collect();
    left.iter().for_each(Room::set_over);
    drop(kept);
    assert!(matches!(rooms.take(account(2), To::Store), Err(CaptureError::Overdue)));
    drop(left);
    assert!(rooms.take(account(2), To::Store).is_ok());
}
