-- How a command stands to its lanes. Whoever had begun before this column came is taken to hold them, unless it
-- waits outside.
ALTER TABLE commands ADD COLUMN in_lane TEXT NOT NULL DEFAULT 'waits';
UPDATE commands SET in_lane = 'left' WHERE state IN ('pending', 'awaiting_children', 'ended');
UPDATE commands SET in_lane = 'holds'
    WHERE state IN ('running', 'awaiting')
       OR (state IN ('ready', 'waiting') AND observed > 0 AND coalesce(cause, '') <> 'notice');
